"""Whatever stands around an endpoint and reads first, only what was checked is stored, and nothing waits for ever."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI, Form, Request
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, Response

from asyncendpoints import AsyncEndpoints, ConfigurationError, JobContext
from tests.http.conftest import problem_of
from tests.http.raw import chunked, head
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 1000
JSON = {"Content-Type": "application/json"}


class Value(BaseModel):
    """What the endpoints take."""

    text: str = ""


class Copier:
    """A middleware that hands a copy of the scope on, its headers as a tuple."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": tuple(scope["headers"])}
        await self.app(scope, receive, send)


class Reader(BaseHTTPMiddleware):
    """A middleware that reads every body before the route is known, and says what a browser may do."""

    async def dispatch(self, request: Any, call_next: Any) -> Response:
        await request.body()
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = "default-src 'none'"
        return response


def fastapi_app(jobs: AsyncEndpoints) -> FastAPI:
    """Make an application whose endpoints FastAPI reads as models and as anything."""
    app = FastAPI()

    @app.post("/value")
    @jobs.endpoint(name="value", max_body_bytes=LIMIT)
    async def value(body: Value, job: JobContext) -> Any: ...

    @app.post("/any")
    @jobs.endpoint(name="any", max_body_bytes=LIMIT)
    async def anything(body: Annotated[Any, Body()]) -> Any: ...

    return app


def starlette_app(jobs: AsyncEndpoints) -> Starlette:
    """Make the same for Starlette."""

    async def value(job: JobContext[Value]) -> Any: ...

    async def anything(job: JobContext[Any]) -> Any: ...

    return Starlette(
        routes=[
            jobs.route("/value", value, max_body_bytes=LIMIT),
            jobs.route("/any", anything, name="any", max_body_bytes=LIMIT),
        ]
    )


def made(framework: str, jobs: AsyncEndpoints) -> Any:
    """Make the application of a framework."""
    return fastapi_app(jobs) if framework == "fastapi" else starlette_app(jobs)


def count(serving: Serving, jobs: AsyncEndpoints) -> int:
    """Return how many jobs are stored."""
    stats = serving.call(jobs.engine.store.stats())
    return sum(sum(states.values()) for states in stats.counts.values())


@pytest.fixture(params=["copier", "reader", "reader in copier", "copier in reader", "reader in a mount"])
def around(request: pytest.FixtureRequest, framework: str) -> Iterator[tuple[str, Serving, AsyncEndpoints]]:
    """Serve an application with middleware around its endpoints; the text is where they are."""
    jobs = AsyncEndpoints("memory://")
    app, prefix = made(framework, jobs), ""
    inside_out: list[Any] = {
        "copier": [Copier],
        "reader": [Reader],
        "reader in copier": [Reader, Copier],
        "copier in reader": [Copier, Reader],
        "reader in a mount": [Reader],
    }[request.param]
    for each in inside_out:
        app.add_middleware(each)
    if request.param == "reader in a mount":
        outer, prefix = type(app)(), "/below"
        outer.mount(prefix, app)
        app = outer
    jobs.install(app)
    with Serving(app) as serving:
        yield prefix, serving, jobs


BROKEN = [
    b"{",
    b"{} {}",
    b'{"text":NaN}',
    b'{"text":"\xff"}',
    b'{"text":"\\ud800"}',
    b'{"\\ud800":1}',
    b"[" * 450 + b"]" * 450,
]


def test_nothing_unchecked_is_stored(around: tuple[str, Serving, AsyncEndpoints]) -> None:
    """Size, media type and syntax are refused as problems, whoever copied the scope or read the body before."""
    prefix, serving, jobs = around
    post = serving.client.post
    for path in ("/value", "/any"):
        url = prefix + path
        for body in BROKEN:
            problem_of(post(url, content=body, headers=JSON), 400, "malformed-request")
        problem_of(post(url, content=b"{}", headers={"Content-Type": "text/plain"}), 415, "unsupported-media-type")
        problem_of(post(url, content=b" " * (LIMIT + 1), headers=JSON), 413, "payload-too-large")
        problem_of(post(url, content=iter([b" " * 100] * 11), headers=JSON), 413, "payload-too-large")
        problem_of(post(url, content=iter([b" " * LIMIT] * 200), headers=JSON), 413, "payload-too-large")
    assert count(serving, jobs) == 0
    assert post(prefix + "/value", content=b'{"text":"a"}', headers=JSON).status_code == 202
    assert post(prefix + "/value", content=b'{"text":1}', headers=JSON).status_code == 422
    assert count(serving, jobs) == 1


@pytest.mark.parametrize("inner", [Copier, Reader])
def test_an_absent_content_type_counts_as_json_behind_middleware(framework: str, inner: Any) -> None:
    """The application's middleware does not change what an untyped body is."""
    jobs = AsyncEndpoints("memory://")
    app = made(framework, jobs)
    app.add_middleware(inner)
    jobs.install(app)
    with Serving(app) as serving:
        assert serving.client.post("/value", content=b'{"text":"a"}').status_code == 202


@pytest.mark.parametrize("mounted", [False, True])
def test_policies_of_middleware_stay_on_a_refusal(framework: str, mounted: bool) -> None:
    """Of the answer that a refusal replaces, only what describes its content is dropped."""
    jobs = AsyncEndpoints("memory://")
    app, path = made(framework, jobs), "/value"
    app.add_middleware(Reader)
    if mounted:
        outer = type(app)()
        outer.mount("/below", app)
        app, path = outer, "/below/value"
    jobs.install(app)
    with Serving(app) as serving:
        answer = serving.client.post(path, content=b"{", headers=JSON)
        problem_of(answer, 400, "malformed-request")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Length"] == str(len(answer.content))


async def read_it(request: Request) -> None:
    """Read the body, as a guard that verifies a signature does."""
    await request.body()


def test_a_guard_may_read_the_body_of_a_production(framework: str) -> None:
    """The producer's body is captured as an endpoint's is, before the guard: it is checked first, and kept."""
    jobs = AsyncEndpoints("memory://")
    app: Any = FastAPI() if framework == "fastapi" else Starlette()
    jobs.install(app, dependencies=[Depends(read_it) if framework == "fastapi" else read_it], producer=True)

    @jobs.handler("echo", exposed=True, max_body_bytes=LIMIT)
    async def echo(job: JobContext[dict[str, int]]) -> Any: ...

    with Serving(app) as serving:
        post = serving.client.post
        assert post("/jobs", json={"type": "echo", "payload": {"a": 1}}).status_code == 202
        problem_of(post("/jobs", content=b"{", headers=JSON), 400, "malformed-request")
        problem_of(post("/jobs", content=b" " * 100_000, headers=JSON), 413, "payload-too-large")


def test_a_production_fits_its_handlers_limit_behind_a_reader(framework: str) -> None:
    """The room for a production's envelope is there for middleware of a mount that reads first, too."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("echo", exposed=True, max_body_bytes=LIMIT)
    async def echo(job: JobContext[str]) -> Any: ...

    app: Any = FastAPI() if framework == "fastapi" else Starlette()
    app.add_middleware(Reader)
    jobs.install(app, producer=True)
    with Serving(app) as serving:
        assert serving.client.post("/jobs", json={"type": "echo", "payload": "x" * (LIMIT - 2)}).status_code == 202


def test_a_hook_may_read_the_body(framework: str) -> None:
    """What was captured is there for whoever asks the request for it later."""
    jobs = AsyncEndpoints("memory://")
    bodies: list[bytes] = []

    async def hook(request: Any, call_next: Any) -> Response:
        bodies.append(await request.body())
        return await call_next(request)

    app: Any
    if framework == "fastapi":
        app = FastAPI()

        @app.post("/nothing")
        @jobs.endpoint(before_enqueue=hook)
        async def nothing() -> None: ...
    else:

        async def work(job: JobContext[None]) -> None: ...

        app = Starlette(routes=[jobs.route("/nothing", work, before_enqueue=hook)])
    jobs.install(app)
    with Serving(app) as serving:
        assert serving.client.post("/nothing", content=b"noted", headers={"Prefer": "wait=20"}).status_code == 204
    assert bodies == [b"noted"]


def hiding(function: Any) -> Any:
    """Decorate an endpoint without keeping the attributes that show that it is one."""

    async def hidden(**arguments: Any) -> Any:
        return await function(**arguments)

    hidden.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return hidden


def keeping(function: Any) -> Any:
    """Decorate an endpoint as one should."""

    @functools.wraps(function)
    async def kept(**arguments: Any) -> Any:
        return await function(**arguments)

    return kept


@pytest.mark.parametrize(("decorator", "status"), [(hiding, 500), (keeping, 202)])
def test_a_decorator_that_hides_an_endpoint_is_told_so(
    decorator: Callable[[Any], Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Its body was handed on unchecked: the request fails at once, and the log names the remedy."""
    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)

    @app.post("/value")
    @decorator
    @jobs.endpoint
    async def value(body: Value) -> Any: ...

    with Serving(app) as serving:
        assert serving.client.post("/value", json={}).status_code == status
        assert count(serving, jobs) == (status == 202)
    told = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert any("functools.wraps" in each for each in told) == (status == 500)


def test_job_routes_cannot_collide(framework: str) -> None:
    """A second AsyncEndpoints at the same jobs_path, and the same one again, are refused; elsewhere is fine."""
    kind: Any = FastAPI if framework == "fastapi" else Starlette
    app = kind()
    first = AsyncEndpoints("memory://")
    first.install(app)
    routes = len(app.routes)
    with pytest.raises(ConfigurationError, match="twice"):
        first.install(app)
    for path in ("/jobs", "/jobs/"):
        with pytest.raises(ConfigurationError, match="jobs_path"):
            AsyncEndpoints("memory://", jobs_path=path, status_path="/{job_id}/now").install(app)
    assert len(app.routes) == routes


def test_two_engines_share_an_application(framework: str) -> None:
    """Each has its own routes and limits, also for bodies that middleware read first."""
    small = AsyncEndpoints("memory://")
    large = AsyncEndpoints("memory://", jobs_path="/large-jobs")
    app: Any
    if framework == "fastapi":
        app = FastAPI()

        @app.post("/small")
        @small.endpoint(max_body_bytes=LIMIT)
        async def less(body: Value) -> None: ...

        @app.post("/large")
        @large.endpoint(max_body_bytes=100 * LIMIT)
        async def more(body: Value) -> None: ...
    else:

        async def work(job: JobContext[Value]) -> None: ...

        app = Starlette(
            routes=[
                small.route("/small", work, max_body_bytes=LIMIT),
                large.route("/large", work, max_body_bytes=100 * LIMIT),
            ]
        )
    outer = type(app)()
    app.add_middleware(Reader)
    outer.mount("/below", app)
    large.install(outer)
    small.install(outer)
    with Serving(outer) as serving:
        body = {"text": "x" * 50 * LIMIT}
        problem_of(serving.client.post("/below/small", json=body), 413, "payload-too-large")
        job = serving.client.post("/below/large", json=body).json()
        assert "/large-jobs/" in job["statusUrl"]
        assert serving.client.get(job["statusUrl"]).status_code == 200


@pytest.mark.parametrize("parameter", ["required", "optional"])
def test_an_untyped_body_is_no_form(parameter: str) -> None:
    """A form endpoint refuses a body without a Content-Type as 415, whatever its fields."""
    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)

    @app.post("/required")
    @jobs.endpoint
    async def required(a: Annotated[str, Form()]) -> None: ...

    @app.post("/optional")
    @jobs.endpoint
    async def optional(a: Annotated[str, Form()] = "") -> None: ...

    with Serving(app) as serving:
        post = serving.client.post
        problem_of(post(f"/{parameter}", content=b"a=1"), 415, "unsupported-media-type")
        with serving.raw() as connection:
            connection.send(head("POST", f"/{parameter}", [("Transfer-Encoding", "chunked")]) + chunked(b"a=1"))
            assert connection.answer().status == 415
        assert post(f"/{parameter}").status_code == (422 if parameter == "required" else 202)
        assert post(f"/{parameter}", data={"a": "1"}).status_code == 202


def test_a_production_is_validated_before_its_key(framework: str) -> None:
    """As for every endpoint, what the payload gets wrong is told before the key's form."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("echo", exposed=True)
    async def echo(job: JobContext[dict[str, int]]) -> Any: ...

    app: Any = FastAPI() if framework == "fastapi" else Starlette()
    jobs.install(app, producer=True)
    with Serving(app) as serving:
        production: dict[str, Any] = {"type": "echo", "payload": {"a": "x"}, "idempotencyKey": "a b"}
        problem_of(serving.client.post("/jobs", json=production), 422, "validation-failed")
        production["payload"] = {"a": 1}
        problem_of(serving.client.post("/jobs", json={**production, "delay": -1}), 422, "validation-failed")
        problem_of(serving.client.post("/jobs", json=production), 400, "idempotency-key-invalid")


def test_an_answer_that_came_before_the_check_is_judged_by_the_head() -> None:
    """A route's own middleware that reads nothing still yields to size and media type."""
    from starlette.middleware import Middleware

    class Deny(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Response:
            return PlainTextResponse("no", 401)

    jobs = AsyncEndpoints("memory://")

    async def work(job: JobContext[Value]) -> None: ...

    app = Starlette(routes=[jobs.route("/value", work, middleware=[Middleware(Deny)], max_body_bytes=LIMIT)])
    jobs.install(app)
    with Serving(app) as serving:
        post = serving.client.post
        problem_of(post("/value", content=b" " * (LIMIT + 1), headers=JSON), 413, "payload-too-large")
        problem_of(post("/value", content=b"{}", headers={"Content-Type": "a/b"}), 415, "unsupported-media-type")
        assert post("/value", content=b"{", headers=JSON).status_code == 401
