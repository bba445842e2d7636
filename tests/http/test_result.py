"""Section 3 of the HTTP contract: `GET /jobs/{jobId}/result`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints.http.ranges import requested_range
from tests.http.conftest import Client, problem_of
from tests.http.serving import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def present(client: Client, **presented: Any) -> str:
    """Complete a job with this result, and return the result's URL."""
    job = client.finished("present", presented)
    assert job["status"] == "completed", job
    return job["resultUrl"]


def test_a_result_is_presented_as_the_handler_chose(shared: Client) -> None:
    """Status code, media type, headers and body are the handler's own."""
    url = present(
        shared,
        bytes="a,b\n1,2\n",
        status=201,
        type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="r.csv"', "X-Rows": "1"},
    )
    answer = shared.get(url)
    assert answer.status_code == 201
    assert answer.content == b"a,b\n1,2\n"
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="r.csv"'
    assert answer.headers["X-Rows"] == "1"
    assert answer.headers["Content-Length"] == "8"


def test_a_plain_result_is_json(shared: Client) -> None:
    """Without a choice it is 200 and application/json."""
    answer = shared.get(shared.finished(value={"a": [1, None]})["resultUrl"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"a": [1, None]}
    assert answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "no-cache"


def test_nothing_is_204(shared: Client) -> None:
    """A handler that returned nothing has a result without content."""
    job = shared.finished(value=None)
    assert job["result"] is None
    answer = shared.get(job["resultUrl"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
    answer = shared.get(present(shared, body=None, status=204))
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_failed_jobs_result_is_its_problem(shared: Client) -> None:
    """With its own status, 500 unless the handler chose one, and the job it belongs to."""
    failed = shared.finished("raise", "boom", Idempotency_Key="fails")
    problem = problem_of(shared.get(failed["resultUrl"]), 500, "handler-failed")
    assert problem["jobId"] == failed["jobId"]
    assert problem["requestId"] == "fails"
    assert problem["detail"] == "ValueError: boom"
    assert problem["instance"] == f"/jobs/{failed['jobId']}/result"
    chosen = shared.finished("refuse", 3)
    answer = shared.get(chosen["resultUrl"])
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["title"], problem["detail"]) == ("about:blank", "No more stock", "try tomorrow")
    assert problem["stock"] == 3


def test_a_result_that_is_not_json_fails_the_job(serve: Callable[..., Client]) -> None:
    """`result-not-serializable` is a 500 of the job, and it is not retried."""
    client = serve(policy={"retry": None})
    job = client.finished("unserializable")
    assert (job["status"], job["attempt"]) == ("failed", 1)
    problem_of(client.get(job["resultUrl"]), 500, "result-not-serializable")


def test_a_job_that_is_not_done_is_202(shared: Client) -> None:
    """With the job resource and Retry-After."""
    job = shared.accepted("hold", "x")
    answer = shared.get(job["resultUrl"])
    assert answer.status_code == 202
    assert answer.headers["Retry-After"].isdigit()
    assert answer.json()["jobId"] == job["jobId"]
    assert answer.json()["done"] is False
    shared.open_gate()
    assert shared.until(job["statusUrl"])["result"] == "x"
    shared.serving.soon(shared.stage.gate.clear)


def test_a_canceled_jobs_result_is_409(shared: Client) -> None:
    """`job-canceled`, with the job's id."""
    job = shared.accepted("hold")
    shared.http.post(job["cancelUrl"])
    shared.until(job["statusUrl"])
    problem = problem_of(shared.get(job["resultUrl"]), 409, "job-canceled")
    assert problem["jobId"] == job["jobId"]


def stripped(client: Client, job: dict[str, Any]) -> None:
    """Sweep until the store has dropped the job's payload and result."""
    engine = client.stage.jobs.engine

    def gone() -> bool:
        client.serving.call(engine.store.strip(limit=10))
        return client.serving.call(engine.get(job["jobId"])).stripped

    eventually(gone)


def test_an_expired_result_is_410(serve: Callable[..., Client]) -> None:
    """At its retention the result goes, while a keyed record stays and says so."""
    client = serve(policy={"retention": 0.001})
    job = client.finished(value="x", Idempotency_Key="kept")
    stripped(client, job)
    problem = problem_of(client.get(job["resultUrl"]), 410, "result-expired")
    assert problem["jobId"] == job["jobId"]
    assert problem["requestId"] == "kept"
    resource = client.get(job["statusUrl"])
    assert resource.status_code == 200
    assert resource.json()["result"] is None
    assert client.submit(value="x", Idempotency_Key="kept").json()["jobId"] == job["jobId"]
    held = client.submit(value="x", Idempotency_Key="kept", Prefer="wait=5")
    problem_of(held, 410, "result-expired")


def test_a_failed_jobs_problem_outlives_its_payload(serve: Callable[..., Client]) -> None:
    """What went wrong belongs to the record, which a key keeps."""
    client = serve(policy={"retention": 0.001})
    job = client.finished("raise", "boom", Idempotency_Key="kept")
    stripped(client, job)
    problem_of(client.get(job["resultUrl"]), 500, "handler-failed")


# Headers that a handler must not choose ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Evil": "a\r\nSet-Cookie: stolen=1"},
        {"X-Evil": "a\nSet-Cookie: stolen=1"},
        {"X-Evil\r\nSet-Cookie": "stolen=1"},
        {"X-Evil: a\r\nSet-Cookie": "stolen=1"},
        {"X-Evil": "a\x00b"},
        {"": "empty"},
        {"X Evil": "space"},
    ],
)
def test_nothing_is_injected_through_a_handlers_headers(shared: Client, headers: dict[str, str]) -> None:
    """A header that is not one line is refused with the attempt, or left out; it never splits the answer."""
    job = shared.finished("present", {"body": "x", "headers": headers})
    with shared.serving.raw() as connection:
        connection.send(f"GET /jobs/{job['jobId']}/result HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = connection.answer("GET")
    assert answer.status in (200, 500)
    names = {name.lower() for name, _ in answer.headers}
    assert not names & {"set-cookie", "x-evil", "x evil", ""}


@pytest.mark.parametrize("media_type", ["text/plain\r\nSet-Cookie: a=1", "text/plain\x00", "☃/x"])
def test_nothing_is_injected_through_a_media_type(shared: Client, media_type: str) -> None:
    """A media type that is not one line of latin-1 is refused with the attempt, or left out."""
    job = shared.finished("present", {"body": "x", "type": media_type})
    answer = shared.get(job["resultUrl"])
    assert answer.status_code in (200, 500)
    assert "Set-Cookie" not in answer.headers


def test_a_handler_does_not_choose_the_messages_framing(shared: Client) -> None:
    """Content-Length, Transfer-Encoding and Connection describe a message that the handler never sees."""
    job = shared.finished(
        "present",
        {"body": "four", "headers": {"Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close"}},
    )
    answer = shared.get(job["resultUrl"])
    if job["status"] == "completed":
        assert answer.text == "four"
        assert answer.headers["Content-Length"] == "4"
        assert "Transfer-Encoding" not in answer.headers
        assert answer.headers.get("Connection") != "close"
    else:
        assert answer.status_code == 500


# Ranges -----------------------------------------------------------------------------------------------------------

CONTENT = "0123456789"


@pytest.mark.parametrize(
    ("asked", "part", "shown"),
    [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=-99", CONTENT, "bytes 0-9/10"),
        ("bytes=9-99", "9", "bytes 9-9/10"),
        ("Bytes=0-0", "0", "bytes 0-0/10"),
    ],
)
def test_a_single_range_is_206(shared: Client, asked: str, part: str, shown: str) -> None:
    """Bytes from, to, and from the end."""
    url = present(shared, bytes=CONTENT, type="text/plain")
    answer = shared.get(url, Range=asked)
    assert (answer.status_code, answer.text) == (206, part)
    assert answer.headers["Content-Range"] == shown
    assert answer.headers["Content-Length"] == str(len(part))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_an_unsatisfiable_range_is_416(shared: Client, asked: str) -> None:
    """With the length of the whole, as a problem document."""
    answer = shared.get(present(shared, bytes=CONTENT), Range=asked)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "asked",
    ["bytes=3-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes 1-2", "bytes=1-2;", "=",
     "bytes=" + "9" * 5000 + "-", "bytes=+1-2", "bytes=1--2"],
)  # fmt: skip
def test_a_malformed_or_multiple_range_is_ignored(shared: Client, asked: str) -> None:
    """The whole is sent."""
    answer = shared.get(present(shared, bytes=CONTENT), Range=asked)
    assert (answer.status_code, answer.text) == (200, CONTENT)


def test_if_range_compares_strongly(shared: Client) -> None:
    """The part where the tag is the result's own; the whole for another tag, a weak one or a date."""
    url = present(shared, bytes=CONTENT)
    tag = shared.get(url).headers["ETag"]
    assert shared.get(url, Range="bytes=0-1", If_Range=tag).status_code == 206
    for other in ('"other"', "W/" + tag, "Wed, 21 Oct 2026 07:28:00 GMT", "nonsense"):
        answer = shared.get(url, Range="bytes=0-1", If_Range=other)
        assert (answer.status_code, answer.text) == (200, CONTENT), other


def test_ranges_are_for_get_and_200_alone(shared: Client) -> None:
    """HEAD ignores them, and so do results of another status, problems and held submissions."""
    url = present(shared, bytes=CONTENT)
    assert shared.http.head(url, headers={"Range": "bytes=0-1"}).status_code == 200
    created = present(shared, bytes=CONTENT, status=201)
    answer = shared.get(created, Range="bytes=0-1")
    assert (answer.status_code, answer.text) == (201, CONTENT)
    assert "Accept-Ranges" not in answer.headers
    failed = shared.finished("raise", "boom")["resultUrl"]
    assert shared.get(failed, Range="bytes=0-1").status_code == 500
    held = shared.submit("present", {"bytes": CONTENT}, Prefer="wait=20", Range="bytes=0-1")
    assert (held.status_code, held.text) == (200, CONTENT)


def test_two_range_headers_are_ignored() -> None:
    """A request with several of them asks for several parts, which nobody has to give."""
    scope = {"method": "GET", "headers": [(b"range", b"bytes=0-1"), (b"range", b"bytes=2-3")]}
    assert requested_range(scope, 10, b'"1"') is None


def test_a_result_may_be_asked_for_conditionally(shared: Client) -> None:
    """A result never changes, so its tag answers 304."""
    url = present(shared, bytes=CONTENT)
    tag = shared.get(url).headers["ETag"]
    assert shared.get(url, If_None_Match=tag).status_code == 304
    assert shared.get(url, If_None_Match='"other"').status_code == 200
