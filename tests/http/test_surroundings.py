"""The order of refusals, and what the application around an endpoint can do to them: nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response

from asyncendpoints import AsyncEndpoints, JobContext
from tests.http.application import stage
from tests.http.conftest import PATH, Client, problem_of
from tests.http.serving import Serving

LIMIT = 1000


def guarded_app(framework: str, calls: list[str]) -> tuple[AsyncEndpoints, Any]:
    """Make an application whose endpoint has authentication, a required key and a hook; each leaves a trace."""
    jobs = AsyncEndpoints("memory://")

    async def hook(request: Any, call_next: Any) -> Response:
        calls.append("hook")
        return await call_next(request)

    policy: dict[str, Any] = {
        "name": "guarded", "before_enqueue": hook, "require_idempotency_key": True, "max_body_bytes": LIMIT,
    }  # fmt: skip

    if framework == "fastapi":
        from fastapi import Depends, FastAPI, Header
        from fastapi import HTTPException as FastAPIHTTPException

        app: Any = FastAPI()
        jobs.install(app)

        async def authenticate(authorization: str | None = Header(None)) -> None:
            calls.append("dependency")
            if authorization is None:
                raise FastAPIHTTPException(401)

        @app.post("/guarded", dependencies=[Depends(authenticate)])
        @jobs.endpoint(**policy)
        async def guarded(value: dict[str, int], job: JobContext) -> None: ...

        return jobs, app

    async def work(job: JobContext[dict[str, int]]) -> None: ...

    class Authenticate:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if not any(name == b"authorization" for name, _ in scope["headers"]):
                calls.append("dependency")
                await PlainTextResponse("who are you?", status_code=401)(scope, receive, send)
                return
            await self.app(scope, receive, send)

    app = Starlette(routes=[jobs.route("/guarded", work, middleware=[Middleware(Authenticate)], **policy)])
    jobs.install(app)
    return jobs, app


def test_refusals_come_in_the_order_of_the_contract(framework: str) -> None:
    """Size, media type, syntax, then the route's own checks, then the key's form; each stops what follows it."""
    calls: list[str] = []
    jobs, app = guarded_app(framework, calls)
    broken = {"content": b"{" * (LIMIT + 1), "headers": {"Content-Type": "text/plain", "Idempotency-Key": "bad key"}}
    with Serving(app) as serving:

        def post(**changes: Any) -> httpx.Response:
            headers = {**broken["headers"], **changes.pop("headers", {})}  # type: ignore[dict-item]
            headers = {name: value for name, value in headers.items() if value is not None}
            return serving.client.post("/guarded", headers=headers, content=changes.get("content", broken["content"]))

        if framework == "fastapi":
            # Authentication that reads nothing but headers may run earlier in Starlette's own middleware.
            problem_of(post(), 413, "payload-too-large")
            problem_of(post(content=b"{"), 415, "unsupported-media-type")
            problem_of(post(content=b"{", headers={"Content-Type": "application/json"}), 400, "malformed-request")
            assert calls == []
        good: dict[str, Any] = {"Content-Type": "application/json"}
        assert post(content=b'{"a":1}', headers=good).status_code == 401
        assert calls == ["dependency"]
        good["Authorization"] = "me"
        problem_of(post(headers={"Authorization": "me"}), 413, "payload-too-large")
        problem_of(post(content=b"{", headers={"Authorization": "me"}), 415, "unsupported-media-type")
        problem_of(post(content=b"{", headers=good), 400, "malformed-request")
        assert post(content=b'{"a":"x"}', headers=good).status_code == 422
        problem_of(post(content=b'{"a":1}', headers=good), 400, "idempotency-key-invalid")
        good["Idempotency-Key"] = None
        problem_of(post(content=b'{"a":1}', headers=good), 400, "idempotency-key-missing")
        assert "hook" not in calls
        assert serving.call(jobs.engine.store.stats()).counts == {}
        good["Idempotency-Key"] = "k"
        assert post(content=b'{"a":1}', headers=good).status_code == 202
        assert calls[-1] == "hook"


def test_problems_survive_the_applications_exception_handlers(framework: str) -> None:
    """Handlers for HTTPException, Exception and 4xx never see a refusal by the library."""
    seen: list[str] = []

    async def handle(request: Any, error: Exception) -> Response:
        seen.append(repr(error))
        return PlainTextResponse("the application's own answer", status_code=418)

    staged = stage(framework, policy={"max_body_bytes": LIMIT})
    for kind in (HTTPException, 400, 404, 413, 415, 422):
        staged.app.add_exception_handler(kind, handle)
    with Serving(staged.app) as serving:
        client = Client(staged, serving)
        post = serving.client.post
        problem_of(post(PATH, content=b"x" * (LIMIT + 1)), 413, "payload-too-large")
        problem_of(post(PATH, content=b"{}", headers={"Content-Type": "a/b"}), 415, "unsupported-media-type")
        problem_of(post(PATH, content=b"{"), 400, "malformed-request")
        problem_of(client.submit(Idempotency_Key="a b"), 400, "idempotency-key-invalid")
        problem_of(client.get("/jobs/nonsense"), 404, "job-not-found")
        assert client.get("/elsewhere").status_code == 418


class Reader(BaseHTTPMiddleware):
    """A middleware that reads every body before the route is known."""

    async def dispatch(self, request: Any, call_next: Any) -> Response:
        await request.body()
        response = await call_next(request)
        response.headers["X-Reader"] = "read"
        return response


class Copier:
    """A middleware that hands a copy of the scope on, so that what the router says in it is not seen outside."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


@pytest.mark.parametrize("inner", [Reader, Copier, BaseHTTPMiddleware])
def test_other_middleware_does_not_change_what_is_refused(framework: str, inner: Any) -> None:
    """Middleware within ours that reads or copies does not lift limits, and submissions still work."""
    jobs = AsyncEndpoints("memory://")
    options = {}
    if inner is BaseHTTPMiddleware:

        async def dispatch(request: Any, call_next: Any) -> Response:
            return await call_next(request)

        options = {"dispatch": dispatch}
    if framework == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI()
        app.add_middleware(inner, **options)
        jobs.install(app)

        @app.post("/echo")
        @jobs.endpoint(name="echo", max_body_bytes=LIMIT)
        async def echo(value: dict[str, int], job: JobContext) -> Any:
            return value
    else:

        async def work(job: JobContext[dict[str, int]]) -> Any:
            return job.payload

        app = Starlette(
            routes=[jobs.route("/echo", work, name="echo", max_body_bytes=LIMIT)],
            middleware=[Middleware(inner, **options)],
        )
        jobs.install(app)
    with Serving(app) as serving:
        post = serving.client.post
        answer = post("/echo", json={"a": 1}, headers={"Prefer": "wait=20", "Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()) == (200, {"a": 1})
        answer = post("/echo", json={"a": 1}, headers={"Idempotency-Key": "k"})
        assert answer.headers["Idempotent-Replayed"] == "true"
        json_type = {"Content-Type": "application/json"}
        problem_of(post("/echo", content=b" " * LIMIT + b'{"a":1}', headers=json_type), 413, "payload-too-large")
        # Five megabytes are more than is read of a refused body before its answer.
        problem_of(post("/echo", content=b" " * 5_000_000 + b"{}", headers=json_type), 413, "payload-too-large")
        problem_of(post("/echo", content=b'{"a":NaN}', headers=json_type), 400, "malformed-request")
        assert sum(sum(each.values()) for each in serving.call(jobs.engine.store.stats()).counts.values()) == 1


def test_headers_of_inner_middleware_stay_on_a_refusal(framework: str) -> None:
    """What CORS middleware adds to the answer that a refusal replaces is kept, so browsers may read it."""
    from starlette.middleware.cors import CORSMiddleware

    jobs = AsyncEndpoints("memory://")
    if framework == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI()

        @app.post("/echo")
        @jobs.endpoint(name="echo")
        async def echo(value: dict[str, int], job: JobContext) -> Any: ...
    else:

        async def work(job: JobContext[dict[str, int]]) -> None: ...

        app = Starlette(routes=[jobs.route("/echo", work, name="echo")])
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
    jobs.install(app)
    with Serving(app) as serving:
        headers = {"Origin": "https://a.example", "Content-Type": "application/json"}
        answer = serving.client.post("/echo", content=b"{", headers=headers)
        problem_of(answer, 400, "malformed-request")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert answer.headers["Content-Length"] == str(len(answer.content))


def test_ordinary_routes_are_left_alone(framework: str) -> None:
    """A route without an asynchronous endpoint reads whatever it likes."""
    jobs = AsyncEndpoints("memory://")

    async def plain(request: Any) -> Response:
        return JSONResponse(len(await request.body()))

    if framework == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI()
    else:
        app = Starlette()
    app.add_route("/plain", plain, methods=["POST"])
    jobs.install(app)
    with Serving(app) as serving:
        answer = serving.client.post("/plain", content=b"\xff" * 3_000_000, headers={"Content-Type": "x/y"})
        assert answer.json() == 3_000_000
