"""Middleware that has read a body hands it on with a `receive` of its own, which may know nothing of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.http.application import stage
from tests.http.conftest import Client
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Replaying:
    """Read every body, and say it again: for ever, or once and then that the client is gone.

    Args:
        app: The application inside.
        then: What follows the body; None is the body again.
    """

    def __init__(self, app: ASGIApp, then: Message | None) -> None:
        self._app = app
        self._then = then

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        whole: Message = {"type": "http.request", "body": body, "more_body": False}
        said = 0

        async def replay() -> Message:
            nonlocal said
            said += 1
            return whole if self._then is None or said == 1 else self._then

        await self._app(scope, replay, send)


def behind(framework: str, then: Message | None) -> Iterator[Client]:
    staged = stage(framework)
    with Serving(Replaying(staged.app, then)) as serving:
        yield Client(staged, serving)


@pytest.fixture
def endless(framework: str) -> Iterator[Client]:
    """Serve a stage behind a middleware that says the body again and again."""
    yield from behind(framework, None)


@pytest.fixture
def gone(framework: str) -> Iterator[Client]:
    """Serve a stage behind a middleware that says at once that the client is gone, although it is there."""
    yield from behind(framework, {"type": "http.disconnect"})


def test_a_request_that_seems_to_end_before_its_body_is_no_success(framework: str) -> None:
    """Behind a middleware that keeps the body for itself nothing is stored, and the answer says so."""
    staged = stage(framework)

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        async def disconnected() -> Message:
            return {"type": "http.disconnect"}

        await staged.app(scope, disconnected if scope["type"] == "http" else receive, send)

    with Serving(keeping) as serving:
        client = Client(staged, serving)
        assert client.submit(value=1).status_code == 400
        assert client.http.post("/nothing").status_code == 400
        assert client.stored() == 0


def test_a_receive_that_only_repeats_the_body_is_watched_no_more(endless: Client) -> None:
    """Held requests, polls and streams wait for their job, and the server stays free for others."""
    answer = endless.submit(value=1, Prefer="wait=30")
    assert (answer.status_code, answer.json()) == (200, 1)
    job = endless.accepted("hold", 2)
    running = endless.until(job["statusUrl"], "in_progress")
    with endless.http.stream("GET", job["eventsUrl"]) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: status"
        endless.open_gate()
        assert "event: done" in lines
    assert running["jobId"] == job["jobId"]
    assert endless.until(job["statusUrl"])["result"] == 2


def test_an_answer_that_nobody_seems_to_hear_is_true_all_the_same(gone: Client) -> None:
    """A held request answers with its 202, a poll with the job as it is, a stream with what there is."""
    submitted = gone.submit("hold", 3, Prefer="wait=30")
    assert submitted.status_code == 202
    job: dict[str, Any] = submitted.json()
    assert submitted.headers["Location"] == job["statusUrl"]
    polled = gone.get(job["statusUrl"], Prefer="wait=30")
    assert (polled.status_code, polled.json()["jobId"]) == (200, job["jobId"])
    tagged = gone.get(job["statusUrl"], Prefer="wait=30", If_None_Match='W/"999"')
    assert (tagged.status_code, tagged.json()["jobId"]) == (200, job["jobId"])
    streamed = gone.get(job["eventsUrl"])
    assert streamed.text.startswith("event: status\n")
    gone.open_gate()
