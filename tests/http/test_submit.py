"""Section 1 of the HTTP contract: what a submission answers, and what it may say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from asyncendpoints import AsyncEndpoints, ConfigurationError
from asyncendpoints.http import EXPOSED_HEADERS
from tests.http.conftest import PATH, Client, problem_of
from tests.http.raw import head
from tests.http.serving import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

MEMBERS = {
    "jobId", "requestId", "endpoint", "status", "done", "createdAt", "scheduledAt", "startedAt", "finishedAt",
    "updatedAt", "expiresAt", "attempt", "maxAttempts", "nextAttemptAt", "attempts", "progress", "result", "error",
    "redriveOf", "cancelRequestedAt", "warnings", "statusUrl", "resultUrl", "eventsUrl", "cancelUrl",
}  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_submission_is_accepted_with_the_job_resource(shared: Client, method: str) -> None:
    """Every method that asks for something answers 202 with the whole job resource and the headers of the contract."""
    answer = shared.http.request(method, PATH, json={"do": "return", "value": 1}, headers={"Idempotency-Key": method})
    assert answer.status_code == 202
    job = answer.json()
    assert set(job) == MEMBERS
    assert job["requestId"] == method
    assert job["endpoint"] == "order"
    assert job["maxAttempts"] == 1
    assert job["warnings"] == []
    base = f"{shared.serving.url}/jobs/{job['jobId']}"
    assert job["statusUrl"] == base
    assert [job[f"{part}Url"] for part in ("result", "events", "cancel")] == [
        f"{base}/{part}" for part in ("result", "events", "cancel")
    ]
    assert answer.headers["Location"] == base
    assert answer.headers["Retry-After"].isdigit()
    assert answer.headers["Vary"] == "Prefer"
    assert answer.headers["Content-Type"] == "application/json"
    assert "Idempotent-Replayed" not in answer.headers
    assert "Preference-Applied" not in answer.headers


def test_times_are_rfc_3339_with_milliseconds(shared: Client) -> None:
    """Times are UTC with milliseconds and a Z, or null."""
    before = datetime.now(UTC)
    job = shared.finished()
    for member in ("createdAt", "startedAt", "finishedAt", "updatedAt", "expiresAt"):
        assert datetime.strptime(job[member], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert len(job[member]) == len("2026-11-22T15:16:17.123Z")
    assert abs((datetime.fromisoformat(job["createdAt"]) - before).total_seconds()) < 60
    assert job["scheduledAt"] is None


def test_a_submission_without_a_key_is_accepted_with_a_warning(
    shared: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Body and log say that a retry will run twice; requestId is null and never made up."""
    with caplog.at_level("INFO", "asyncendpoints.http"):
        job = shared.accepted()
    assert job["requestId"] is None
    assert len(job["warnings"]) == 1
    assert "idempotency key" in job["warnings"][0]
    assert any(job["jobId"] in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.example.com", "http://api.example.com"),
        ("api.example.com:8443", "http://api.example.com:8443"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("a.example/evil?x=", None),
        ('"><script>', None),
        ("user@host", None),
        ("", None),
    ],
)
def test_urls_are_made_from_a_host_that_is_one(shared: Client, host: str, expected: str | None) -> None:
    """Location takes the Host header where that is a host, and the server's own address otherwise."""
    body = b'{"do":"return"}'
    request = head("POST", PATH, [("Host", host), ("Content-Length", str(len(body)))]) + body
    with shared.serving.raw() as connection:
        connection.send(request)
        answer = connection.answer()
    assert answer.status == 202
    prefix = expected or shared.serving.url
    assert (answer.header("location") or "").startswith(prefix + "/jobs/")
    assert answer.json()["statusUrl"] == answer.header("location")


def test_scheme_and_root_path_are_those_of_the_proxy_settings(serve: Callable[..., Client], framework: str) -> None:
    """Behind a proxy that uvicorn trusts, URLs have its scheme and the root path."""
    client = serve(framework, uvicorn={"root_path": "/api", "proxy_headers": True})
    answer = client.submit(X_Forwarded_Proto="https", Host="shop.example")
    assert answer.headers["Location"].startswith("https://shop.example/api/jobs/")


def test_an_endpoint_below_a_mount_names_the_job_routes_of_the_installed_application(shared: Client) -> None:
    """The job routes are where `install` put them, wherever the endpoint is."""
    answer = shared.http.post("/below/orders", json={"do": "return", "value": 7})
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(f"{shared.serving.url}/jobs/")
    assert shared.until(answer.headers["Location"])["result"] == 7


def test_the_jobs_path_is_a_setting(serve: Callable[..., Client], framework: str) -> None:
    """`jobs_path` is a prefix, and `status_path` the job resource's place below it."""
    client = serve(framework, jobs_path="/v1/tasks", status_path="/{job_id}/status")
    job = client.accepted()
    base = f"{client.serving.url}/v1/tasks/{job['jobId']}"
    assert job["statusUrl"] == f"{base}/status"
    assert job["resultUrl"] == f"{base}/result"
    assert client.until(job["statusUrl"])["status"] == "completed"
    assert client.http.delete(base).status_code == 409


def test_an_endpoint_that_takes_no_body_accepts_any(shared: Client) -> None:
    """Media type and syntax of a body that nobody reads are not looked at."""
    for content, kind in ((b"", None), (b"{", "application/json"), (b"x", "text/plain")):
        headers = {} if kind is None else {"Content-Type": kind}
        answer = shared.http.post("/nothing", content=content, headers=headers)
        assert answer.status_code == 202, answer.text


def test_the_headers_for_cors_are_exported() -> None:
    """The list names every header of the contract that browsers hide from other origins."""
    assert set(EXPOSED_HEADERS) == {
        "Location", "Content-Location", "Retry-After", "ETag", "Preference-Applied", "Idempotent-Replayed",
    }  # fmt: skip


# Prefer ---------------------------------------------------------------------------------------------------------


def test_a_held_request_answers_with_the_result_when_the_job_ends(shared: Client) -> None:
    """`Prefer: wait=N`: the same answer as GET result, with Content-Location naming it."""
    answer = shared.submit(value={"n": 1}, Prefer="wait=20")
    assert answer.status_code == 200
    assert answer.json() == {"n": 1}
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Content-Location"].endswith("/result")
    assert answer.headers["Vary"] == "Prefer"
    assert shared.get(answer.headers["Content-Location"]).content == answer.content


def test_a_held_request_answers_with_a_failed_jobs_problem(shared: Client) -> None:
    """A job that fails while the client waits answers with its problem and its status."""
    answer = shared.submit("raise", "boom", Prefer="wait=20")
    problem = problem_of(answer, 500, "handler-failed")
    assert problem["detail"] == "ValueError: boom"
    assert answer.headers["Preference-Applied"] == "wait=20"
    answer = shared.submit("refuse", 3, Prefer="wait=20")
    assert answer.status_code == 422
    assert answer.json()["title"] == "No more stock"
    assert answer.json()["stock"] == 3


def test_a_held_request_whose_time_is_up_answers_202(serve: Callable[..., Client], framework: str) -> None:
    """Not ended: the 202, with what was waited; the wait is capped by configuration."""
    client = serve(framework, max_wait=1.0)
    answer = client.submit("hold", Prefer="wait=3600")
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert answer.json()["done"] is False
    answer = client.submit("hold", Prefer="wait=0")
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=0"
    client.open_gate()


def test_respond_async_may_be_sent(shared: Client) -> None:
    """`Prefer: respond-async` is the default, and honoured."""
    answer = shared.submit(Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=x", "wait=-1", 'wait="', "wait=1.5", "=;,,;=", "☃".encode()])
def test_a_malformed_preference_is_ignored(shared: Client, prefer: str | bytes) -> None:
    """What RFC 7240 does not allow counts as not sent."""
    headers: Any = {"Prefer": prefer}
    answer = shared.http.post(PATH, json={"do": "return"}, headers=headers)
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


def test_a_client_that_vanishes_while_it_waits_leaves_the_job_and_nothing_else(
    serve: Callable[..., Client], framework: str
) -> None:
    """The held request's tasks and watchers end with the connection; the job goes on."""
    client = serve(framework)
    client.http.get("/livez")
    client.http.close()
    eventually(lambda: not [task for task in client.serving.tasks() if "RequestResponseCycle" in repr(task)])
    before = len(client.serving.tasks())
    body = b'{"do":"hold","value":5}'
    with client.serving.raw() as connection:
        headers = [("Content-Length", str(len(body))), ("Prefer", "wait=30"), ("Idempotency-Key", "gone")]
        connection.send(head("POST", PATH, headers) + body)
        eventually(lambda: len(client.stage.runs) == 1)
    job_id = client.stage.runs[0]
    client.open_gate()

    def settled() -> bool:
        return client.serving.call(client.stage.jobs.engine.get(job_id)).state == "completed"

    eventually(settled)
    eventually(lambda: len(client.serving.tasks()) <= before)


# Hooks ----------------------------------------------------------------------------------------------------------


def test_a_hook_may_answer_by_itself(serve: Callable[..., Client], framework: str) -> None:
    """Then nothing is stored, and the key is not consumed."""
    refused: list[bool] = [True]

    async def hook(request: Any, call_next: Any) -> Response:
        if refused[0]:
            return JSONResponse({"quota": "used up"}, status_code=429)
        return await call_next(request)

    client = serve(framework, policy={"before_enqueue": hook})
    answer = client.submit(Idempotency_Key="k")
    assert answer.status_code == 429
    assert client.stored() == 0
    refused[0] = False
    answer = client.submit(value="other body", Idempotency_Key="k")
    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers


def test_a_hook_may_change_what_is_submitted(serve: Callable[..., Client], framework: str) -> None:
    """Queue, priority, delay and payload of the draft are what is stored; the hook sees the final response."""
    seen: list[int] = []

    async def hook(request: Any, call_next: Any) -> Response:
        draft = request.state.submission
        draft.delay = 3600.0
        draft.priority = 7
        draft.payload = json.dumps({"do": "return", "value": "changed"}).encode()
        response = await call_next(request)
        seen.append(response.status_code)
        response.headers["X-Hook"] = "was here"
        return response

    client = serve(framework, policy={"before_enqueue": hook})
    answer = client.submit(value="sent")
    job = answer.json()
    assert seen == [202]
    assert answer.headers["X-Hook"] == "was here"
    assert int(answer.headers["Retry-After"]) >= 1
    assert job["status"] == "scheduled"
    assert job["scheduledAt"] == job["nextAttemptAt"] != job["createdAt"]
    stored = client.serving.call(client.stage.jobs.engine.get(job["jobId"]))
    assert stored.priority == 7
    assert json.loads(stored.payload or b"") == {"do": "return", "value": "changed"}


@pytest.mark.parametrize("wrong", ["twice", "nothing", "queue"])
def test_a_hook_that_breaks_its_contract_is_an_error_of_the_application(
    serve: Callable[..., Client], wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with the remedy, and the client gets a 500 without details."""

    async def hook(request: Any, call_next: Any) -> Any:
        if wrong == "queue":
            request.state.submission.queue = "no such name!"
        response = await call_next(request)
        if wrong == "twice":
            await call_next(request)
        return None if wrong == "nothing" else response

    client = serve("starlette", policy={"before_enqueue": hook})
    answer = client.submit()
    assert answer.status_code == 500
    # The server logs what was raised after it has answered.
    eventually(lambda: ConfigurationError.__name__ in caplog.text)


# Routes ---------------------------------------------------------------------------------------------------------


def test_a_route_of_another_method_or_a_second_handler_of_the_name_is_refused() -> None:
    """Mistakes show where they are written."""
    jobs = AsyncEndpoints("memory://")

    async def work() -> None: ...

    with pytest.raises(ConfigurationError, match="GET"):
        jobs.route("/work", work, methods=["GET"])
    jobs.route("/work", work, methods=["POST"])
    with pytest.raises(ConfigurationError, match="already registered"):
        jobs.route("/again", work, methods=["POST"])


def test_installing_twice_or_on_something_else_is_refused() -> None:
    """`install` takes one Starlette or FastAPI application, once."""
    jobs = AsyncEndpoints("memory://")
    app = Starlette()
    jobs.install(app)
    with pytest.raises(ConfigurationError, match="twice"):
        jobs.install(app)
    with pytest.raises(ConfigurationError, match="Starlette or FastAPI"):
        jobs.install(object())  # type: ignore[arg-type]
