"""The ASGI application: who asks is checked first, then the page is found, and every answer is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from asyncendpoints.dashboard import files, forgery
from asyncendpoints.dashboard.access import Access
from asyncendpoints.dashboard.answers import TOLD, page_answer, redirect, told_of
from asyncendpoints.dashboard.confirmations import Confirmations
from asyncendpoints.dashboard.live import Live, LiveStream
from asyncendpoints.dashboard.look import Look, Missing, Moved, Source
from asyncendpoints.dashboard.protection import NO_STORE, PROTECTION
from asyncendpoints.dashboard.rendering import environment, render, render_live, render_page
from asyncendpoints.dashboard.surroundings import surroundings
from asyncendpoints.dashboard.views.endpoints import endpoints, queues
from asyncendpoints.dashboard.views.failed import failed, group
from asyncendpoints.dashboard.views.job_list import job_list
from asyncendpoints.dashboard.views.job_page import job_page
from asyncendpoints.dashboard.views.overview import overview
from asyncendpoints.dashboard.views.processes import workers
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.http.events import wants_events
from asyncendpoints.http.urls import ROOT_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from asyncendpoints.dashboard.access import Authorize
    from asyncendpoints.dashboard.grants import Grant
    from asyncendpoints.dashboard.live import View
    from asyncendpoints.dashboard.look import Page
    from asyncendpoints.engine import Engine

VIEWS: Final[dict[str, View]] = {
    "/": overview,
    "/jobs": job_list,
    "/jobs/{job_id}": job_page,
    "/failed": failed,
    "/failed/{fingerprint}": group,
    "/endpoints": endpoints,
    "/queues": queues,
    "/workers": workers,
}
"""Every page by its path below the mount."""
_LONGEST_QUERY: Final = 4_096


class Dashboard:
    """The dashboard of an engine, to be mounted: an ASGI application.

    Args:
        engine: Whose jobs it shows.
        authorize: Says what a request may; None lets in this machine alone.
        local: What requests from this machine may, where there is no `authorize`.
        title: What its pages are called.
        installed: Whether the job routes are installed.

    Raises:
        ConfigurationError: A value cannot work, or Jinja is not installed.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        authorize: Authorize | None,
        local: Grant,
        title: str,
        installed: Callable[[], bool],
    ) -> None:
        environment()
        self._engine = engine
        self._access = Access(authorize, local)
        self._title = title
        self._installed = installed
        self._source = Source(engine)
        self._live = Live(engine, self._render_live)
        confirmations = Confirmations(engine, self._title)
        self._routes = [
            Route("/static/{version}/{name}", files.file_answer, methods=["GET"]),
            *(Route(path, self._page(view), methods=["GET"]) for path, view in VIEWS.items()),
            *(
                Route(path, self._acting(ask), methods=["GET", "POST"])
                for path, ask in (
                    ("/jobs/{job_id}/{action}", confirmations.job),
                    ("/queues/{queue}/{action}", confirmations.queue),
                    ("/failed/{fingerprint}/redrive", confirmations.group),
                )
            ),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a websocket is refused."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            raise RuntimeError("the dashboard is mounted on an application; it has no lifespan of its own")
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        request = Request(scope, receive)
        if not forgery.may_read(scope):
            return self._refuse("This was asked by a page of another site, which may not read here.")
        grant = await self._access.of(request)
        if isinstance(grant, Response):
            return grant
        if not grant:
            return self._refuse("" if not self._access.is_open_to_others else "You may not see this.")
        return await self._serve(request, grant)

    async def _serve(self, request: Request, grant: Grant) -> Response:
        scope = request.scope
        if _path_below(scope) == "":
            # Relative links need the slash. The last part of the mount's path is how a visitor is there.
            # It may be a parameter of that path, and so anything: neither a scheme, nor a host, nor a line's end.
            return redirect(f"./{quote(scope.get('root_path', '').rpartition('/')[2])}/")
        found = self._find(scope)
        if found is None:
            return self._missing(request, self._look(request, grant, {}), "There is no such page.")
        route, parameters = found
        if scope["method"] not in (route.methods or ()):
            return self._refuse("This is not asked in this way.", status=405)
        look = self._look(request, grant, parameters)
        try:
            return await route.endpoint(request, look)
        except Missing as missing:
            return self._missing(request, look, missing.what)
        except StoreUnavailable as error:
            return self._unavailable(look, error)

    def _find(self, scope: Scope) -> tuple[Route, dict[str, str]] | None:
        for route in self._routes:
            match, child = route.matches(scope)
            if match is not Match.NONE:
                return route, child["path_params"]
        return None

    def _look(self, request: Request, grant: Grant, parameters: Mapping[str, str]) -> Look:
        scope = request.scope
        depth = _path_below(scope).count("/") - 1
        long = len(scope.get("query_string", b"")) > _LONGEST_QUERY
        return Look(
            self._source,
            grant,
            base="../" * depth or "./",
            path=parameters,
            query={} if long else dict(request.query_params),
            jobs_root=scope.get(ROOT_KEY) if self._installed() else None,
        )

    # Pages.

    def _page(self, view: View) -> Callable[[Request, Look], Awaitable[Response]]:
        async def endpoint(request: Request, look: Look) -> Response:
            if wants_events(value for name, value in request.scope["headers"] if name == b"accept"):
                return self._stream(request, view, look)
            try:
                page = await view(look)
            except Moved as moved:
                return redirect(look.base + moved.to)
            told = told_of(request)
            response = page_answer(
                render_page(page, {**surroundings(look, self._title), "told": told}), status=page.status
            )
            if told is not None:
                response.delete_cookie(TOLD, httponly=True, samesite="lax")
            return response

        return endpoint

    def _acting(
        self, ask: Callable[[Request, Look], Awaitable[Response]]
    ) -> Callable[[Request, Look], Awaitable[Response]]:
        async def endpoint(request: Request, look: Look) -> Response:
            if not look.grant.acts:
                return self._refuse("You may look, and not act.")
            return await ask(request, look)

        return endpoint

    def _stream(self, request: Request, view: View, look: Look) -> Response:
        poller = self._live.poller
        if not poller.has_room:
            return page_answer("", status=503, headers=[(b"retry-after", b"10")])
        key = (view, tuple(look.path.items()), tuple(look.query.items()), look.grant, look.base, look.jobs_root)
        return LiveStream(self._engine, poller, key, view, look, headers=[NO_STORE, *PROTECTION])

    def _render_live(self, page: Page, look: Look) -> str:
        return render_live(page, surroundings(look, self._title))

    # Refusals.

    def _missing(self, request: Request, look: Look, what: str) -> Response:
        values = {**surroundings(look, self._title), "heading": "Not found", "text": what, "told": told_of(request)}
        response = page_answer(render("note.html", values), status=404)
        if values["told"] is not None:
            response.delete_cookie(TOLD, httponly=True, samesite="lax")
        return response

    def _unavailable(self, look: Look, error: StoreUnavailable) -> Response:
        values: dict[str, Any] = {
            **surroundings(look, self._title),
            "heading": "The store does not answer",
            "text": f"{error}. Try again in a moment.",
            "told": None,
        }
        return page_answer(render("note.html", values), status=503, headers=[(b"retry-after", b"5")])

    def _refuse(self, text: str, *, status: int = 403) -> Response:
        return page_answer(render("refused.html", {"title": self._title, "text": text}), status=status)


def _path_below(scope: Mapping[str, Any]) -> str:
    """Return the path of a request below the mount: the path has the root path, unless a server leaves it out."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root and (path == root or path.startswith(root + "/")) else path
