"""`JobDepends`: dependencies that the worker resolves, in an exit stack of the run."""

# The functions here are data of the tests, written as users write them; FastAPI reads their annotations.

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from pydantic import BaseModel

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, JobDepends, Retry
from tests.http.serving import Serving, eventually
from tests.support.fastapi_jobs import finished

events: list[Any] = []


class Order(BaseModel):
    """A body."""

    n: int


async def session(job: JobContext[Any]) -> AsyncIterator[str]:
    events.append(("open", job.attempt))
    try:
        yield f"session-{job.attempt}"
    except BaseException as error:
        events.append(type(error).__name__)
        raise
    finally:
        events.append("close")


def threaded(opened: str = JobDepends(session)) -> Iterator[str]:
    events.append("enter")
    try:
        yield f"threaded {opened}"
    except ValueError as error:
        events.append(f"saw {error}")
        raise
    finally:
        events.append("exit")


async def suppressing() -> AsyncIterator[str]:
    try:
        yield "s"
    except KeyError:
        raise ValueError("replaced") from None


def number() -> int:
    events.append("number")
    return len([event for event in events if event == "number"])


class Repository:
    """A class as a dependency, with what it needs."""

    def __init__(self, opened: Annotated[str, JobDepends(session)], n: int = Depends(number)) -> None:
        self.opened = opened
        self.n = n


@dataclass
class Paged:
    """A dependency that reads the stored request."""

    shop: str
    page: int = Query(1)
    x_trace: Annotated[str | None, Header()] = None


def from_request(request: Request, order: Order) -> list[Any]:
    return [request.url.path, request.query_params["page"], request.app.title, order.n, request.path_params]


class Adder:
    """A callable object as a dependency."""

    def __init__(self, plus: int) -> None:
        self.plus = plus

    def __call__(self, job: JobContext) -> int:
        return job.attempt + self.plus


def refuses() -> None:
    raise HTTPException(404, "no such shop", headers={"X": "y"})


def falters(job: JobContext) -> str:
    if job.attempt == 1:
        raise HTTPException(503, {"try": "later"})
    return "second"


Session = Annotated[str, JobDepends(session)]


@pytest.fixture
def app() -> FastAPI:  # noqa: C901 (one route for each test)
    """Make the application."""
    events.clear()
    app = FastAPI(title="Worker")
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)
    once = jobs.endpoint(name=None, retry=Retry(max_attempts=1))

    @app.post("/uses")
    @once
    async def uses(a: Session, b: str = JobDepends(threaded)) -> Any:
        events.append("handler")
        return [a, b]

    @app.post("/fails")
    @once
    def fails(a: Session, b: str = JobDepends(threaded)) -> Any:
        raise ValueError("boom")

    @app.post("/replaced")
    @once
    async def replaced(a: Annotated[str, JobDepends(suppressing)]) -> Any:
        raise KeyError("first")

    @app.post("/cached")
    @once
    async def cached(
        r: Annotated[Repository, JobDepends()],
        n: Annotated[int, JobDepends(number)],
        fresh: Annotated[int, JobDepends(number, use_cache=False)],
    ) -> Any:
        return [r.opened, r.n, n, fresh]

    @app.post("/shops/{shop}")
    @once
    async def requests(
        order: Order,
        paged: Annotated[Paged, JobDepends(Paged)],
        told: Annotated[list[Any], JobDepends(from_request)],
    ) -> Any:
        return [paged.shop, paged.page, paged.x_trace, told]

    @app.post("/callables")
    @once
    async def callables(
        a: Annotated[int, JobDepends(Adder(10))],
        b: Annotated[int, JobDepends(functools.partial(Adder(20)))],
        c: Annotated[int, JobDepends(Adder(30).__call__)],
    ) -> Any:
        return [a, b, c]

    @app.post("/endless")
    @jobs.endpoint(timeout=0.2, retry=Retry(max_attempts=1))
    async def endless(a: Session) -> Any:
        await asyncio.Event().wait()

    @app.post("/canceled")
    @once
    async def canceled(a: Session, job: JobContext) -> Any:
        await job.progress(1)
        await asyncio.Event().wait()

    @app.post("/refused")
    @jobs.endpoint(name="refused")
    async def refused(a: Annotated[None, JobDepends(refuses)]) -> Any: ...

    @app.post("/falters")
    @jobs.endpoint(retry=Retry(max_attempts=2, backoff=Fixed(0)))
    async def retried(a: Annotated[str, JobDepends(falters)], s: Session) -> Any:
        return [a, s]

    @app.post("/raises")
    @jobs.endpoint(name="raises")
    async def raises() -> Any:
        raise HTTPException(409, "already there")

    return app


def run(app: FastAPI, url: str, **options: Any) -> dict[str, Any]:
    with Serving(app) as serving:
        return finished(serving, serving.client.post(url, **options))


def test_dependencies_are_opened_for_the_run_and_closed_after_it(app: FastAPI) -> None:
    """Asynchronous and plain generators are entered once, in order, and closed in reverse."""
    assert run(app, "/uses")["result"] == ["session-1", "threaded session-1"]
    assert events == [("open", 1), "enter", "handler", "exit", "close"]


def test_clean_up_sees_the_handlers_exception(app: FastAPI) -> None:
    """Each generator gets the exception, innermost first, and the job fails with it."""
    job = run(app, "/fails")
    assert job["error"]["detail"] == "ValueError: boom"
    assert events == [("open", 1), "enter", "saw boom", "exit", "ValueError", "close"]


def test_clean_up_may_replace_the_exception(app: FastAPI) -> None:
    """What a generator raises instead is what the job fails with."""
    assert run(app, "/replaced")["error"]["detail"] == "ValueError: replaced"


def test_a_dependency_is_called_once_for_a_run(app: FastAPI) -> None:
    """Shared by class, sub-dependency and handler; `use_cache=False` calls it again."""
    assert run(app, "/cached")["result"] == ["session-1", 1, 1, 2]
    assert events.count(("open", 1)) == 1


def test_dependencies_read_the_stored_request(app: FastAPI) -> None:
    """Path, query, headers, body and the request itself are as the client sent them."""
    job = run(app, "/shops/main?page=4", json={"n": 5}, headers={"X-Trace": "t"})
    assert job["result"] == ["main", 4, "t", ["/shops/main", "4", "Worker", 5, {"shop": "main"}]]


def test_a_request_that_a_dependency_cannot_read_fails_without_a_retry(app: FastAPI) -> None:
    """The client's page is no number: only the worker's dependency reads it, and the job says so."""
    job = run(app, "/shops/main?page=x", json={"n": 5})
    assert job["status"] == "failed"
    assert job["attempt"] == 1
    assert "validation-failed" in job["error"]["type"] or "page" in str(job["error"])


def test_objects_partials_and_methods_are_dependencies(app: FastAPI) -> None:
    """Whatever can be called and takes the job's context."""
    assert run(app, "/callables")["result"] == [11, 21, 31]


def test_an_http_error_of_a_dependency_is_the_jobs_problem(app: FastAPI) -> None:
    """A 404 is an answer on purpose: it is not retried, and the result has its status."""
    with Serving(app) as serving:
        job = finished(serving, serving.client.post("/refused"))
        result = serving.client.get(job["resultUrl"])
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"]["title"] == "Not Found"
    assert job["error"]["detail"] == "no such shop"
    assert result.status_code == 404
    assert result.headers["content-type"] == "application/problem+json"


def test_an_http_error_of_the_handler_is_the_jobs_problem(app: FastAPI) -> None:
    """The idiom of FastAPI's handlers keeps its meaning."""
    job = run(app, "/raises")
    assert (job["error"]["status"], job["error"]["detail"], job["attempt"]) == (409, "already there", 1)


def test_a_server_error_of_a_dependency_is_retried(app: FastAPI) -> None:
    """A 503 may pass, so the job gets its next attempt, with dependencies of its own."""
    job = run(app, "/falters")
    assert job["result"] == ["second", "session-2"]
    assert job["attempt"] == 2


def test_clean_up_runs_when_the_handler_is_past_its_timeout(app: FastAPI) -> None:
    """The generator sees the cancellation, and is closed."""
    job = run(app, "/endless")
    assert job["attempts"][0]["outcome"] == "timeout"
    assert events == [("open", 1), "CancelledError", "close"]


def test_clean_up_runs_when_the_job_is_canceled(app: FastAPI) -> None:
    """A client's cancel ends the handler, and closes what was opened for it."""
    with Serving(app) as serving:
        submitted = serving.client.post("/canceled")
        eventually(lambda: events == [("open", 1)])
        assert serving.client.post(submitted.json()["cancelUrl"]).status_code == 202
        assert finished(serving, submitted)["status"] == "canceled"
    assert events == [("open", 1), "CancelledError", "close"]


def test_overrides_replace_dependencies_of_the_worker(app: FastAPI) -> None:
    """`app.dependency_overrides` reaches marked parameters, stand-ins and sub-dependencies alike."""

    def other(job: JobContext) -> str:
        return f"other-{job.max_attempts}"

    app.dependency_overrides[session] = other
    app.dependency_overrides[number] = lambda: 42
    with Serving(app) as serving:
        assert finished(serving, serving.client.post("/uses"))["result"] == ["other-1", "threaded other-1"]
        assert finished(serving, serving.client.post("/cached"))["result"] == ["other-1", 42, 42, 42]
        app.dependency_overrides.clear()
        assert finished(serving, serving.client.post("/uses"))["result"][0] == "session-1"
