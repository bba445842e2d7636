"""A served application for every test that wants one, and clients that know the job resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.http.application import Stage, stage
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = "/shops/main/orders"


class Client:
    """A served stage, and what a client does with it."""

    def __init__(self, staged: Stage, serving: Serving) -> None:
        self.stage = staged
        self.serving = serving
        self.http: httpx.Client = serving.client

    def submit(self, do: str = "return", value: Any = None, **headers: str) -> httpx.Response:
        """Submit an order; header names have underscores for hyphens."""
        return self.http.post(PATH, json={"do": do, "value": value}, headers=named(headers))

    def accepted(self, do: str = "return", value: Any = None, **headers: str) -> dict[str, Any]:
        """Submit an order that must be accepted, and return its resource."""
        answer = self.submit(do, value, **headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Get a URL."""
        return self.http.get(url, headers=named(headers))

    def until(self, url: str, *statuses: str) -> dict[str, Any]:
        """Poll a job, as clients do, until it has one of these statuses; without any, until it is done."""
        tag = None
        while True:
            headers = {} if tag is None else {"Prefer": "wait=10", "If-None-Match": tag}
            answer = self.http.get(url, headers=headers)
            assert answer.status_code in (200, 304), answer.text
            if answer.status_code == 200:
                job: dict[str, Any] = answer.json()
                if job["status"] in statuses or (not statuses and job["done"]):
                    return job
                assert not job["done"], job
            tag = answer.headers["ETag"]

    def finished(self, do: str = "return", value: Any = None, **headers: str) -> dict[str, Any]:
        """Submit an order and return its resource when it is done."""
        return self.until(self.accepted(do, value, **headers)["statusUrl"])

    def open_gate(self) -> None:
        """Let the handlers that wait go on."""
        self.serving.soon(self.stage.gate.set)

    def stored(self) -> int:
        """Return how many jobs the store holds."""
        stats = self.serving.call(self.stage.jobs.engine.store.stats())
        return sum(count for states in stats.counts.values() for count in states.values())


def named(headers: dict[str, str]) -> dict[str, str]:
    """Return headers with hyphens in their names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, in every member that problems have, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"https://asyncendpoints.dev/problems/{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/")
    return problem


@pytest.fixture(params=["starlette", "fastapi"])
def framework(request: pytest.FixtureRequest) -> str:
    """Return the name of a framework; a test that uses it runs for both."""
    return request.param


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Return a function that serves a stage; all servers end with the test."""
    running: list[Serving] = []

    def start(framework: str = "starlette", *, uvicorn: dict[str, Any] | None = None, **options: Any) -> Client:
        staged = stage(framework, **options)
        serving = Serving(staged.app, **(uvicorn or {}))
        running.append(serving)
        serving.__enter__()
        return Client(staged, serving)

    yield start
    for serving in running:
        serving.__exit__()


@pytest.fixture(scope="module", params=["starlette", "fastapi"])
def shared(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Serve one stage of each framework for a whole module: for tests that leave nothing behind that matters."""
    staged = stage(request.param)
    with Serving(staged.app) as serving:
        yield Client(staged, serving)
