"""A `before_enqueue` hook changes a draft; the rules for what is stored hold for what it leaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import FastAPI, Form, UploadFile
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext, StoreUnavailable
from tests.http.conftest import PATH, Client, problem_of
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


async def derive_key(request: Request, call_next: Any) -> Any:
    """Take the key from a header of the application's own."""
    request.state.submission.idempotency_key = request.headers["x-order"]
    return await call_next(request)


def test_an_honest_retry_may_have_other_headers_under_a_hooks_key(serve: Callable[..., Client], framework: str) -> None:
    """With a hook's key, as with the client's, method, path, query and body make the submission."""
    client = serve(framework, policy={"before_enqueue": derive_key})
    first = client.submit(value=1, X_Order="7", Traceparent="a")
    again = client.submit(value=1, X_Order="7", Traceparent="b")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["jobId"] == first.json()["jobId"]
    assert again.headers["Idempotent-Replayed"] == "true"
    problem_of(client.submit(value=2, X_Order="7"), 422, "idempotency-key-reused")
    body = {"do": "return", "value": 1}
    other = client.http.post(PATH + "?dry", json=body, headers={"X-Order": "7"})
    problem_of(other, 422, "idempotency-key-reused")


def test_a_hooks_key_is_as_good_as_the_same_key_in_a_header(serve: Callable[..., Client], framework: str) -> None:
    """Where the key comes from makes no difference to what it names."""

    async def derive_if_told(request: Request, call_next: Any) -> Any:
        if "x-order" in request.headers:
            return await derive_key(request, call_next)
        return await call_next(request)

    client = serve(framework, policy={"before_enqueue": derive_if_told})
    first = client.submit(value=1, Idempotency_Key="7")
    again = client.submit(value=1, X_Order="7")
    assert again.json()["jobId"] == first.json()["jobId"]


def test_a_hooks_own_fingerprint_is_kept(serve: Callable[..., Client]) -> None:
    """A hook that says what an honest retry is has the last word."""

    async def alike(request: Request, call_next: Any) -> Any:
        request.state.submission.fingerprint = b"f" * 32
        return await derive_key(request, call_next)

    client = serve(policy={"before_enqueue": alike})
    first = client.submit(value=1, X_Order="7")
    assert client.submit(value=2, X_Order="7").json()["jobId"] == first.json()["jobId"]


def test_a_form_under_a_hooks_key_is_told_by_its_fields() -> None:
    """An honest retry of a multipart form has another boundary."""
    jobs = AsyncEndpoints("memory://")
    app = FastAPI()
    jobs.install(app)

    @app.post("/upload")
    @jobs.endpoint(before_enqueue=derive_key)
    async def upload(title: Annotated[str, Form()], file: UploadFile) -> str:
        return title

    def send(content: bytes) -> Any:
        return serving.client.post(
            "/upload", data={"title": "A"}, files={"file": ("a.csv", content)}, headers={"X-Order": "7"}
        )

    with Serving(app) as serving:
        first, again, other = send(b"x"), send(b"x"), send(b"y")
    assert first.status_code == 202, first.text
    assert first.request.headers["Content-Type"] != again.request.headers["Content-Type"]
    assert again.json()["jobId"] == first.json()["jobId"]
    problem_of(other, 422, "idempotency-key-reused")


def test_a_production_under_a_hooks_key_is_told_by_its_bytes() -> None:
    """The generic producer's submissions have the same rules."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("letter", exposed=True, before_enqueue=derive_key)
    async def letter(job: JobContext[str]) -> str:
        return job.payload

    app = Starlette()
    jobs.install(app, producer=True)

    def send(payload: str, trace: str, **more: Any) -> Any:
        headers = {"X-Order": "7", "Traceparent": trace}
        return serving.client.post("/jobs", json={"type": "letter", "payload": payload, **more}, headers=headers)

    with Serving(app) as serving:
        first, again, other = send("a", "1"), send("a", "2"), send("a", "3", delay=60)
    assert first.status_code == 202, first.text
    assert again.json()["jobId"] == first.json()["jobId"]
    problem_of(other, 422, "idempotency-key-reused")


def test_a_payload_that_a_hook_makes_too_large_is_refused(serve: Callable[..., Client], framework: str) -> None:
    """The endpoint's limit holds for what is stored, and the key is not consumed."""
    grown: list[bool] = [True]

    async def grow(request: Request, call_next: Any) -> Any:
        if grown[0]:
            request.state.submission.payload += b" " * 500
        return await call_next(request)

    client = serve(framework, policy={"before_enqueue": grow, "max_body_bytes": 100})
    problem = problem_of(client.submit(Idempotency_Key="k"), 413, "payload-too-large")
    assert problem["requestId"] == "k"
    assert client.stored() == 0
    grown[0] = False
    answer = client.submit(value="other", Idempotency_Key="k")
    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers


def test_an_empty_owner_of_a_hook_is_none(serve: Callable[..., Client], framework: str) -> None:
    """A hook may take the owner from a header that is not there."""

    async def owned(request: Request, call_next: Any) -> Any:
        request.state.submission.owner = request.headers.get("x-user", "")
        return await call_next(request)

    client = serve(framework, policy={"before_enqueue": owned})
    answer = client.submit()
    assert answer.status_code == 202, answer.text
    assert client.get(answer.headers["Location"]).status_code == 200


# Log lines --------------------------------------------------------------------------------------------------------


def test_a_missing_key_is_logged_like_everything_about_a_job(
    serve: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    """The line begins with the job and its handler, as the lines about its runs do."""
    client = serve()
    with caplog.at_level("INFO", "asyncendpoints.http"):
        job = client.accepted()
    assert f"job {job['jobId']} (order) came without an idempotency key" in caplog.text


@pytest.mark.parametrize("where", ["submission", "wait", "events", "read"])
def test_what_a_store_says_cannot_forge_a_log_line(
    serve: Callable[..., Client], where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver's message may quote what a client sent; line ends and control characters in it are escaped."""
    client = serve()
    job = client.accepted("hold")
    client.until(job["statusUrl"], "in_progress")

    async def unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("key (a\nERROR root forged\x1b[2J)")

    store = client.stage.jobs.engine.store
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        operation = {"submission": "enqueue", "wait": "wait", "events": "wait", "read": "get"}[where]
        patch.setattr(store, operation, unavailable)
        if where in ("submission", "wait"):
            client.submit("hold", Prefer="wait=5")
        else:
            client.get(job["eventsUrl" if where == "events" else "statusUrl"])
    client.open_gate()
    said = [record.getMessage() for record in caplog.records if "forged" in record.getMessage()]
    assert said
    assert all(line.isprintable() for line in said)
