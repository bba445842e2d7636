"""Section 6 of the HTTP contract: every refusal is a problem document, nothing is stored, the key is not consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncendpoints import AsyncEndpoints
from asyncendpoints.errors import StoreUnavailable
from tests.http.application import stage
from tests.http.conftest import PATH, Client, problem_of
from tests.http.raw import head
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

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
    [b"1e999", b"-1e999", b"9" * 5000, b"1" * 400 + b".5e-9", b'"\\u0000"', b'"\\u2028\\ud83d\\ude00"',
     b"[" * 150 + b"]" * 150],
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
