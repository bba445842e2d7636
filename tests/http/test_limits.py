"""Section 6 of the HTTP contract: how large a body may be, however it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.application import stage
from tests.http.conftest import PATH, Client, problem_of
from tests.http.raw import chunked, head
from tests.http.serving import Serving

LIMIT = 1000


def sized(length: int) -> bytes:
    """Return a valid body of this many bytes."""
    empty = b'{"do":"return","value":""}'
    return empty[:-2] + b"x" * (length - len(empty)) + b'"}'


@pytest.fixture(scope="module", params=["starlette", "fastapi"])
def small(request: pytest.FixtureRequest) -> Any:
    """Serve an endpoint whose bodies are small, to be reached only through a dependency that says so."""
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
