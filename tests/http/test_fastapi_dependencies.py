"""Request-time dependencies run before the 202; their values, headers and cookies are kept, nothing runs twice."""

# The functions here are data of the tests, written as users write them; FastAPI reads their annotations.

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from asyncendpoints import AsyncEndpoints, JobContext
from tests.http.conftest import problem_of
from tests.http.serving import Serving
from tests.support.fastapi_jobs import finished

events: list[str] = []


class User(BaseModel):
    """Who asks."""

    name: str
    roles: frozenset[str] = frozenset()


class Broken(BaseModel):
    """What a dependency promises, and does not give."""

    name: str


def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> User:
    events.append("user")
    if credentials.credentials != "token":
        raise HTTPException(403, "not you")
    return User(name="ada", roles=frozenset({"admin"}))


async def counted(request: Request, response: Response, tasks: BackgroundTasks, n: int = Query(1)) -> int:
    events.append(request.method)
    tasks.add_task(events.append, "background")
    response.headers["X-Count"] = str(n)
    response.set_cookie("seen", "yes")
    response.status_code = 418
    return n


async def opened() -> AsyncIterator[str]:
    events.append("open")
    try:
        yield "resource"
    finally:
        events.append("close")


def blocked() -> Iterator[None]:
    yield None


def liar() -> Any:
    return {"not": "a Broken"}


UserOf = Annotated[User, Depends(current_user)]


@pytest.fixture
def app() -> FastAPI:
    """Make the application."""
    events.clear()
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app)
    app.state.jobs = jobs

    @app.post("/guarded")
    @jobs.endpoint(name="guarded")
    async def guarded(user: UserOf, again: UserOf, job: JobContext[Any]) -> Any:
        events.append("handler")
        return [user.name, sorted(again.roles), type(user).__name__, job.attempt]

    @app.post("/counted", dependencies=[Depends(blocked)])
    @jobs.endpoint(name="counted")
    async def count(
        n: Annotated[int, Depends(counted)],
        text: Annotated[str, Depends(opened)],
        nothing: Annotated[None, Depends(blocked)],
        q: int = 0,
    ) -> Any:
        events.append("handler")
        return [n, text, nothing, q]

    @app.post("/broken")
    @jobs.endpoint(name="broken")
    async def broken(value: Annotated[Broken, Depends(liar)]) -> Any: ...

    return app


def stored(serving: Serving, app: FastAPI) -> int:
    stats = serving.call(app.state.jobs.engine.store.stats())
    return sum(count for states in stats.counts.values() for count in states.values())


def test_authentication_refuses_before_anything_is_stored(app: FastAPI) -> None:
    """A missing and a wrong credential are FastAPI's own 401 and the dependency's 403; no job exists."""
    with Serving(app) as serving:
        missing = serving.client.post("/guarded")
        wrong = serving.client.post("/guarded", headers={"Authorization": "Bearer no"})
        assert (missing.status_code, wrong.status_code) == (401, 403)
        assert wrong.json() == {"detail": "not you"}
        assert stored(serving, app) == 0


def test_a_dependency_runs_once_and_its_value_reaches_the_handler(app: FastAPI) -> None:
    """The worker reads the stored value: the dependency does not run again."""
    with Serving(app) as serving:
        submitted = serving.client.post("/guarded", headers={"Authorization": "Bearer token"})
        job = finished(serving, submitted)
    assert job["result"] == ["ada", ["admin"], "User", 1]
    assert events == ["user", "handler"]


def test_what_dependencies_do_to_the_response_reaches_the_202(app: FastAPI) -> None:
    """Headers and cookies are there, the status stays 202, and their background tasks run."""
    with Serving(app) as serving:
        submitted = serving.client.post("/counted?n=3&q=4")
        assert submitted.status_code == 202
        assert submitted.headers["X-Count"] == "3"
        assert submitted.cookies["seen"] == "yes"
        assert submitted.headers["Location"] == submitted.json()["statusUrl"]
        job = finished(serving, submitted)
    assert job["result"] == [3, "resource", None, 4]
    assert sorted(events) == ["POST", "background", "close", "handler", "open"]
    assert events.index("open") < events.index("close")


def test_dependency_overrides_apply_at_request_time(app: FastAPI) -> None:
    """What `app.dependency_overrides` gives is what is stored."""
    app.dependency_overrides[current_user] = lambda: User(name="grace")
    with Serving(app) as serving:
        job = finished(serving, serving.client.post("/guarded"))
    assert job["result"] == ["grace", [], "User", 1]
    assert events == ["handler"]


def test_a_dependency_that_breaks_its_annotation_stores_nothing(app: FastAPI) -> None:
    """The application's mistake is a server error that names the parameter, not a job that cannot run."""
    with Serving(app) as serving:
        assert serving.client.post("/broken").status_code == 500
        assert stored(serving, app) == 0


def test_a_missing_required_key_is_a_problem_and_not_a_validation_error() -> None:
    """FastAPI knows the header as optional, so that the refusal is the library's 400."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://", idempotency_headers=("Idempotency-Key", "X-Request-Key"))
    jobs.install(app)

    @app.post("/strict")
    @jobs.endpoint(require_idempotency_key=True)
    async def strict() -> Any:
        return "ran"

    with Serving(app) as serving:
        problem_of(serving.client.post("/strict"), 400, "idempotency-key-missing")
        submitted = serving.client.post("/strict", headers={"X-Request-Key": "k"})
        assert submitted.json()["requestId"] == "k"
        again = serving.client.post("/strict", headers={"Idempotency-Key": '"k"'})
        assert again.headers["Idempotent-Replayed"] == "true"
        assert finished(serving, again)["result"] == "ran"


def test_guards_of_install_stand_before_the_job_routes() -> None:
    """`install(app, dependencies=[Depends(…)])` guards every job route, and the health routes stay open."""
    app = FastAPI()
    jobs = AsyncEndpoints("memory://")
    jobs.install(app, dependencies=[Depends(current_user)], health=True)

    @app.post("/open")
    @jobs.endpoint
    async def work() -> Any:
        return "done"

    with Serving(app) as serving:
        job = serving.client.post("/open").json()
        token = {"Authorization": "Bearer token"}
        for url in (job["statusUrl"], job["resultUrl"], job["eventsUrl"]):
            assert serving.client.get(url).status_code == 401
            assert serving.client.get(url, headers={"Authorization": "Bearer no"}).status_code == 403
        assert serving.client.post(job["cancelUrl"]).status_code == 401
        assert serving.client.delete(f"/jobs/{job['jobId']}").status_code == 401
        assert serving.client.get(job["statusUrl"], headers=token).status_code == 200
        assert serving.client.head(job["statusUrl"], headers=token).status_code == 200
        assert serving.client.get("/livez").status_code == 200
