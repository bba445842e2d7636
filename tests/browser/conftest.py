"""A real browser, headless, that looks at a served dashboard."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import sync_playwright

from tests.http.serving import Serving
from tests.support.dashboard.world import fill, tell_of_a_day, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

    from asyncendpoints import AsyncEndpoints

BROWSER: Final = "ASYNCENDPOINTS_TEST_BROWSER"
"""The environment's name for the browser to use."""
WIDE: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}


def path_of_browser() -> str:
    """Return the path of a chromium."""
    named = os.environ.get(BROWSER)
    for name in [named] if named else ["chromium", "chromium-browser", "google-chrome"]:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.fail(f"there is no chromium: install one (tests/support/install_chromium.sh), or name it in {BROWSER}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser, which the tests of a file share.

    It runs an event loop in this thread for as long as it lives, so asynchronous tests have to wait for its end.
    """
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path_of_browser(), args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """A tab, and everything in it that should not be."""

    def __init__(self, page: Page, serving: Serving, jobs: AsyncEndpoints) -> None:
        self.page = page
        self.serving = serving
        self.jobs = jobs
        self.dialogs: list[str] = []
        self.messages: list[str] = []
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.on("dialog", self._dialog)
        page.on("console", self._message)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.messages.append(message.text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.serving.url}/ops/"):
            self.elsewhere.append(request.url)

    def open(self, way: str = "") -> Page:
        """Open a page of the dashboard."""
        answer = self.page.goto(f"{self.serving.url}/ops/{way}")
        assert answer is not None
        assert answer.ok, answer.status
        return self.page

    def wait_until_live(self) -> None:
        """Wait until the page has been told its live part."""
        self.page.locator("#pulse[data-state=live]").wait_for()

    def call(self, work: Any) -> Any:
        """Run a coroutine where the server runs."""
        return self.serving.call(work)

    @property
    def is_calm(self) -> bool:
        """Whether nothing happened that should not: no dialog, no report, no error, no request elsewhere."""
        return not (self.dialogs or self.messages or self.errors or self.elsewhere)

    @property
    def troubles(self) -> list[str]:
        """What happened that should not."""
        return [*self.dialogs, *self.messages, *self.errors, *self.elsewhere]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return a function that serves a world and opens a tab on it."""
    with ExitStack() as stack:

        def begin(
            kind: str = "starlette",
            *,
            size: dict[str, int] = WIDE,
            scheme: str = "light",
            script: bool = True,
            **options: Any,
        ) -> Visit:
            app, jobs = world(kind, **options)
            serving = stack.enter_context(Serving(app))
            context = browser.new_context(
                viewport=size,  # type: ignore[arg-type]
                color_scheme=scheme,  # type: ignore[arg-type]
                java_script_enabled=script,
            )
            stack.callback(context.close)
            return Visit(context.new_page(), serving, jobs)

        yield begin


@pytest.fixture(scope="module")
def full_world() -> Iterator[tuple[Serving, AsyncEndpoints]]:
    """Serve one world of 10,000 jobs and their day."""
    app, jobs = world()
    with Serving(app) as serving:
        serving.call(fill(jobs.engine.store, 10_000))
        serving.call(tell_of_a_day(jobs.engine.store))
        yield serving, jobs


@pytest.fixture
def full(browser: Browser, full_world: tuple[Serving, AsyncEndpoints]) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a tab on the world of 10,000 jobs; it is closed behind the test."""
    with ExitStack() as stack:

        def begin(*, size: dict[str, int] = WIDE, scheme: str = "light") -> Visit:
            context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            stack.callback(context.close)
            return Visit(context.new_page(), *full_world)

        yield begin
