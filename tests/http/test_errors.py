"""Section 6 of the HTTP contract: every refusal is a problem document, nothing is stored, the key is not consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount

from asyncendpoints import AsyncEndpoints, JobContext
from asyncendpoints.errors import StoreUnavailable
from tests.http.conftest import PATH, Client, problem_of
from tests.http.raw import chunked, head
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1000

MALFORMED = {
    "syntax": b'{"do":',
    "trailing": b'{"do":"return"} {}',
    "nan": b'{"do":"return","value":NaN}',
    "infinity": b'{"do":"return","value":-Infinity}',
    "invalid UTF-8": b'{"do":"\xff\xfe"}',
    "latin-1": '{"do":"café"}'.encode("latin-1"),
    "lone surrogate": b'{"do":"\\ud800"}',
    "surrogate bytes": b'{"do":"\xed\xa0\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"do":"return"}',
    "bare control character": b'{"do":"a\x00b"}',
    "nested past the limit": b'{"do":"return","value":' + b"[" * 300 + b"]" * 300 + b"}",
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 deep and open": b'{"a":' * 100_000,
    "single quotes": b"{'do':'return'}",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_not_json_is_a_malformed_request(shared: Client, kind: str) -> None:
    """The body's syntax is checked before the framework reads it; nothing is stored."""
    before = shared.stored()
    answer = shared.http.post(
        PATH, content=MALFORMED[kind], headers={"Content-Type": "application/json", "Idempotency-Key": kind[:3]}
    )
    problem_of(answer, 400, "malformed-request")
    assert shared.stored() == before


@pytest.mark.parametrize(
    "value",
    [b"1e999", b"-1e999", b"9" * 5000, b"1" * 400 + b".5e-9", b'"\\u0000"', b'"\\u2028\\ud83d\\ude00"', b"[" * 150 + b"]" * 150],
    ids=["1e999", "-1e999", "5,000 digits", "long decimal", "nul", "emoji", "150 deep"],
)  # fmt: skip
def test_json_at_the_edge_is_accepted_or_refused_but_never_breaks_the_server(shared: Client, value: bytes) -> None:
    """Numbers beyond every float, NUL and deep but allowed nesting are answered with 202, 400 or 422."""
    body = b'{"do":"return","value":' + value + b"}"
    answer = shared.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (202, 400, 422), answer.text
    if answer.status_code == 202:
        job = shared.until(answer.json()["statusUrl"])
        assert job["status"] in ("completed", "failed")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/jsonx", "application", "text/json", "multipart/form-data"]
)
def test_another_media_type_is_refused(shared: Client, kind: str) -> None:
    """A present Content-Type that the endpoint does not take is 415, also when the body would be JSON."""
    answer = shared.http.post(PATH, content=b'{"do":"return"}', headers={"Content-Type": kind})
    problem_of(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", None]
)
def test_json_by_any_name_is_accepted(shared: Client, kind: str | None) -> None:
    """JSON, its +json relatives, and an absent Content-Type, which counts as JSON."""
    body = b'{"do":"return","value":"x"}'
    headers = [("Content-Length", str(len(body)))] + ([("Content-Type", kind)] if kind else [])
    with shared.serving.raw() as connection:
        connection.send(head("POST", PATH, headers) + body)
        answer = connection.answer()
    assert answer.status == 202, answer.body
    assert shared.until(f"/jobs/{answer.json()['jobId']}")["result"] == "x"


def test_schema_errors_are_422(shared: Client) -> None:
    """JSON that is not what the handler takes stores nothing; a missing body neither."""
    before = shared.stored()
    for body in (b'{"do":[]}', b"[]", b"null", b'"x"', b""):
        answer = shared.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, (body, answer.text)
    assert shared.stored() == before


def test_starlette_lists_the_field_errors(serve: Callable[..., Client]) -> None:
    """`validation-failed` says which field is wrong, and why."""
    client = serve("starlette")
    answer = client.http.post(PATH, json={"do": 5})
    problem = problem_of(answer, 422, "validation-failed")
    (error,) = problem["errors"]
    assert error["loc"] == ["body", "do"]
    assert error["msg"]
    assert error["type"]


# Size -----------------------------------------------------------------------------------------------------------


def sized(length: int) -> bytes:
    """Return a valid body of this many bytes."""
    empty = b'{"do":"return","value":""}'
    return empty[:-2] + b"x" * (length - len(empty)) + b'"}'


@pytest.fixture(scope="module", params=["starlette", "fastapi"])
def small(request: pytest.FixtureRequest) -> Any:
    """Serve an endpoint whose bodies are small, to be reached only through a dependency that says so."""
    from tests.http.application import stage

    staged = stage(request.param, policy={"max_body_bytes": LIMIT})
    with Serving(staged.app) as serving:
        yield Client(staged, serving)


def test_a_body_of_exactly_the_limit_is_accepted(small: Client) -> None:
    """The limit is the last size that passes; one more byte is 413."""
    json_type = {"Content-Type": "application/json"}
    assert small.http.post(PATH, content=sized(LIMIT), headers=json_type).status_code == 202
    answer = small.http.post(PATH, content=sized(LIMIT + 1), headers=json_type)
    problem = problem_of(answer, 413, "payload-too-large")
    assert str(LIMIT) in problem["detail"]


@pytest.mark.parametrize("size", [1, 7, 400, 100_000])
def test_a_chunked_body_is_counted(small: Client, size: int) -> None:
    """Without a Content-Length the bytes are counted; over the limit is 413, whatever the chunks."""
    with small.serving.raw() as connection:
        for length, status in ((LIMIT, 202), (LIMIT + 1, 413)):
            body = sized(length)
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            connection.send(head("POST", PATH, [("Transfer-Encoding", "chunked")]) + chunked(*parts))
            answer = connection.answer()
            assert answer.status == status, answer.body


def test_a_declared_length_over_the_limit_is_refused_without_reading(small: Client) -> None:
    """A client that waits for 100 Continue gets the 413 instead, and is told that the connection closes."""
    with small.serving.raw() as connection:
        headers = [("Content-Length", "1000000000"), ("Expect", "100-continue")]
        connection.send(head("POST", PATH, headers))
        answer = connection.answer()
        assert answer.status == 413
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("connection") == "close"
        assert connection.closed()


def test_a_client_that_expects_100_continue_gets_it(small: Client) -> None:
    """Within the limit the body is asked for."""
    body = sized(100)
    with small.serving.raw() as connection:
        connection.send(head("POST", PATH, [("Content-Length", "100"), ("Expect", "100-continue")]))
        assert connection.receive(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        connection.send(body)
        assert connection.answer().status == 202


def test_a_client_that_writes_before_it_reads_sees_the_refusal(small: Client) -> None:
    """A body that is somewhat too large is read and dropped, and the connection stays usable."""
    body = sized(1_000_000)
    with small.serving.raw() as connection:
        for _ in range(2):
            connection.send(head("POST", PATH, [("Content-Length", str(len(body)))]) + body)
            answer = connection.answer()
            assert answer.status == 413
            assert answer.header("connection") is None


def test_an_endless_body_is_refused(small: Client) -> None:
    """A stream without an end gets its 413 and a closed connection."""
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    with small.serving.raw() as connection:
        connection.send(head("POST", PATH, [("Transfer-Encoding", "chunked")]))
        for _ in range(100):
            connection.send(chunk)
        answer = connection.answer()
        assert answer.status == 413
        assert answer.header("connection") == "close"


def test_a_client_that_vanishes_within_its_body_stores_nothing(small: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A body that ends before its declared length is no submission, and no error of the server."""
    before = small.stored()
    for part in (b"", b'{"do":"return"', b'{"do":"return"}'):
        with small.serving.raw() as connection:
            connection.send(head("POST", PATH, [("Content-Length", "500"), ("Idempotency-Key", "half")]) + part)
    assert small.http.get("/livez").status_code == 200
    assert small.stored() == before
    assert "Exception in ASGI application" not in caplog.text


# Order ----------------------------------------------------------------------------------------------------------


def guarded_app(framework: str, calls: list[str]) -> tuple[AsyncEndpoints, Any]:
    """Make an application whose endpoint has authentication, a required key and a hook, each of which leaves a trace."""
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


# Foreign surroundings -------------------------------------------------------------------------------------------


def test_problems_survive_the_applications_exception_handlers(framework: str) -> None:
    """Handlers for HTTPException, Exception and 4xx never see a refusal by the library."""
    seen: list[str] = []

    async def handle(request: Any, error: Exception) -> Response:
        seen.append(repr(error))
        return PlainTextResponse("the application's own answer", status_code=418)

    from tests.http.application import stage

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
        # Five megabytes are more than is kept of a body whose route is not known.
        problem_of(post("/echo", content=b" " * 5_000_000 + b"{}", headers=json_type), 413, "payload-too-large")
        if not (framework == "fastapi" and inner is not BaseHTTPMiddleware):
            problem_of(post("/echo", content=b'{"a":NaN}', headers=json_type), 400, "malformed-request")
        assert sum(sum(each.values()) for each in serving.call(jobs.engine.store.stats()).counts.values()) == 1


def test_headers_of_inner_middleware_stay_on_a_refusal(framework: str) -> None:
    """What CORS middleware adds to the answer that a refusal replaces is kept, so that browsers may read the refusal."""
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


# The store and the engine ---------------------------------------------------------------------------------------


def test_a_store_that_does_not_answer_is_a_503(
    serve: Callable[..., Client], framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Retry-After, on every route, and without details of the store."""
    client = serve(framework)
    job = client.accepted("hold")

    async def unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("redis://secret@host:6379 refused")

    store = client.stage.jobs.engine.store
    with monkeypatch.context() as patch:
        for name in ("enqueue", "get", "cancel"):
            patch.setattr(store, name, unavailable)
        answers = [
            client.submit(Idempotency_Key="k"),
            client.get(job["statusUrl"]),
            client.get(job["resultUrl"]),
            client.get(job["eventsUrl"]),
            client.http.post(job["cancelUrl"]),
        ]
    for answer in answers:
        problem = problem_of(answer, 503, "store-unavailable")
        assert answer.headers["Retry-After"].isdigit()
        assert "secret" not in answer.text
    assert problem_of(answers[0], 503, "store-unavailable")["requestId"] == "k"
    assert problem["jobId"] == job["jobId"]
    client.open_gate()


def test_a_full_queue_is_a_503(serve: Callable[..., Client], framework: str) -> None:
    """The configured bound refuses new jobs, and never a replay."""
    client = serve(framework, max_queued=1, concurrency=1)
    held = client.accepted("hold")
    client.until(held["statusUrl"], "in_progress")
    first = client.accepted(Idempotency_Key="first")
    answer = client.submit(Idempotency_Key="second")
    problem = problem_of(answer, 503, "queue-full")
    assert answer.headers["Retry-After"].isdigit()
    assert problem["requestId"] == "second"
    assert client.accepted(Idempotency_Key="first")["jobId"] == first["jobId"]
    client.open_gate()


@pytest.mark.parametrize("how", ["mounted", "lifespan off"])
def test_without_a_lifespan_submissions_are_refused_and_the_log_names_the_remedy(
    framework: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """503 `not-started` with the embedded worker; with `worker=False` another process works, so they are accepted."""
    from tests.http.application import stage

    for worker in (True, False):
        staged = stage(framework, worker=worker)
        app = Starlette(routes=[Mount("/sub", app=staged.app)]) if how == "mounted" else staged.app
        prefix = "/sub" if how == "mounted" else ""
        with Serving(app, lifespan="on" if how == "mounted" else "off") as serving:
            answer = serving.client.post(prefix + PATH, json={"do": "return"})
            if worker:
                problem_of(answer, 503, "not-started")
                assert "lifespan" in caplog.text
                assert "worker=False" in caplog.text
            else:
                assert answer.status_code == 202
                assert answer.headers["Location"].startswith(f"{serving.url}{prefix}/jobs/")
                assert serving.client.get(answer.headers["Location"]).json()["status"] == "queued"


def test_an_application_that_was_never_installed_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """An asynchronous endpoint without `install` refuses with `not-started`, and the log names the remedy."""
    jobs = AsyncEndpoints("memory://")

    async def work() -> None: ...

    with Serving(Starlette(routes=[jobs.route("/work", work)])) as serving:
        problem_of(serving.client.post("/work"), 503, "not-started")
    assert "jobs.install(app)" in caplog.text


def test_nothing_that_a_client_sends_forges_a_line_of_the_log(
    serve: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    """Control characters in paths, keys and headers are refused or escaped wherever they are written."""
    client = serve("starlette")
    forged = "%0d%0aERROR%20forged"
    client.get(f"/jobs/{forged}")
    client.http.post(f"/shops/{forged}/orders", json={"do": "return"}, headers={"Idempotency-Key": "a\tb"})
    client.http.post(f"/shops/{forged}/orders", json={"do": "return", "value": "\r\nERROR forged"})
    client.finished("raise", "\r\nERROR forged")
    for record in caplog.records:
        assert "\nERROR forged" not in record.getMessage()
