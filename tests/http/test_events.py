"""Section 5 of the HTTP contract: server-sent events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.http import events
from asyncendpoints.http.events import event, wants_events
from tests.http.conftest import PATH, Client, named
from tests.http.raw import head
from tests.http.serving import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Event(NamedTuple):
    """One block of a stream."""

    name: str
    id: int
    data: Any


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Read a stream as the standard says; every block must have `event` and `id`."""
    fields: dict[str, str] = {}
    for line in lines:
        if line == "":
            if fields:
                assert set(fields) == {"event", "id", "data"}, fields
                yield Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value


def read(client: Client, url: str, **headers: str) -> list[Event]:
    """Read a whole stream."""
    with client.http.stream("GET", url, headers=named(headers)) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-cache"
        return list(parse(answer.iter_lines()))


def test_a_stream_tells_every_version_until_done(serve: Callable[..., Client], framework: str) -> None:
    """First the job as it is, then progress as it happens, then `done`, and the stream closes."""
    client = serve(framework)
    job = client.accepted("report", "end")
    seen: list[Event] = []
    with client.http.stream("GET", job["eventsUrl"]) as answer:
        for one in parse(answer.iter_lines()):
            seen.append(one)
            if one.name == "progress" or (one.name == "status" and one.data["progress"]):
                client.open_gate()
    assert seen[0].name == "status"
    assert [one.name for one in seen].count("done") == 1
    assert seen[-1].name == "done"
    assert seen[-1].data["result"] == "end"
    assert [one.id for one in seen] == sorted({one.id for one in seen})
    assert seen[-1].data == client.get(job["statusUrl"]).json()
    for one in seen:
        if one.name == "progress":
            assert one.data == {"percent": 50, "message": "half", "data": {"n": 1}}
        else:
            assert one.data["jobId"] == job["jobId"]


def test_a_done_job_sends_done_alone(shared: Client) -> None:
    """A terminal version sends only `done`, whose id is the job's version."""
    job = shared.finished(value="x")
    (only,) = read(shared, job["eventsUrl"])
    assert only.name == "done"
    assert only.data == job
    assert f'"{only.id}"' in shared.get(job["statusUrl"]).headers["ETag"]


def test_last_event_id_resumes(serve: Callable[..., Client], framework: str) -> None:
    """What the client has seen is not sent again; an older version gets a full snapshot first; past the end is 204."""
    client = serve(framework)
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")
    version = int(client.get(job["statusUrl"]).headers["ETag"].strip('W/"'))
    with client.http.stream("GET", job["eventsUrl"], headers={"Last-Event-ID": str(version)}) as answer:
        client.open_gate()
        seen = list(parse(answer.iter_lines()))
    assert [one.name for one in seen] == ["done"]
    assert [one.name for one in read(client, job["eventsUrl"], Last_Event_ID="1")] == ["done"]
    done = seen[0].id
    for past in (done, done + 1):
        answer = client.get(job["eventsUrl"], Last_Event_ID=str(past))
        assert (answer.status_code, answer.content) == (204, b"")


def test_an_old_last_event_id_gets_a_snapshot_first(serve: Callable[..., Client]) -> None:
    """Where history was dropped, and where the id is from nowhere, a full `status` comes first."""
    client = serve()
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")
    for sent in ("0", "1", "99999", "nonsense", "-1", "9" * 5000, ""):
        with client.http.stream("GET", job["eventsUrl"], headers={"Last-Event-ID": sent}) as answer:
            assert answer.status_code == 200
            first = next(parse(answer.iter_lines()))
        assert first.name == "status", sent
        assert first.data["status"] == "in_progress"
    client.open_gate()


def test_a_silent_stream_is_pinged(serve: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment is sent after a time without news, so that proxies keep the connection; it is 15 s."""
    assert events.PING_EVERY == 15.0
    monkeypatch.setattr(events, "PING_EVERY", 0.02)
    client = serve()
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")
    pings = 0
    with client.http.stream("GET", job["eventsUrl"]) as answer:
        for line in answer.iter_lines():
            pings += line == ": ping"
            if pings == 3:
                client.open_gate()
    assert pings >= 3


def test_a_submission_may_be_answered_with_its_stream(serve: Callable[..., Client], framework: str) -> None:
    """`Accept: text/event-stream`: 200 with the stream at once, and Location; it wins over `Prefer: wait`."""
    client = serve(framework)
    headers = {"Accept": "text/event-stream", "Prefer": "wait=30", "Idempotency-Key": "s"}
    for replayed in (False, True):
        with client.http.stream("POST", PATH, json={"do": "hold", "value": "x"}, headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert "Preference-Applied" not in answer.headers
            assert ("Idempotent-Replayed" in answer.headers) is replayed
            location = answer.headers["Location"]
            client.open_gate()
            seen = list(parse(answer.iter_lines()))
        assert seen[-1].name == "done"
        assert seen[-1].data["statusUrl"] == location


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("application/json, text/event-stream;q=0.5", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream ; q = 0.000", False),
        ("*/*", False),
        ("text/*", False),
        ("text/event-streams", False),
        ("application/json", False),
    ],
)
def test_a_stream_is_sent_only_where_it_is_asked_for(accept: str, wanted: bool) -> None:
    """By its own name, and not with a quality of zero."""
    assert wants_events([accept.encode()]) is wanted


def test_data_of_several_lines_stays_one_block() -> None:
    """A line end within the data, of whatever kind, begins another data line and never another field."""
    assert event(b"done", 3, b'{\r"a":\n1\r\n}') == b'event: done\nid: 3\ndata: {\ndata: "a":\ndata: 1\ndata: }\n\n'


def test_a_handlers_json_cannot_forge_an_event(shared: Client) -> None:
    """Line ends in bytes that a handler gave as JSON do not end the block."""
    forged = '{"a":\n\n1\r\n\r\n,\n"event": "done"}'
    job = shared.finished("present", {"bytes": forged, "type": "application/json"})
    (only,) = read(shared, job["eventsUrl"])
    assert only.data["result"] == {"a": 1, "event": "done"}


def test_a_client_that_vanishes_leaves_nothing(serve: Callable[..., Client], framework: str) -> None:
    """The tasks and waits of a stream end with its connection; the job goes on."""
    client = serve(framework)
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")
    before = len(client.serving.tasks())
    for _ in range(3):
        with client.serving.raw() as connection:
            connection.send(head("GET", f"/jobs/{job['jobId']}/events"))
            connection.receive(b"event: status")
            assert len(client.serving.tasks()) > before
    eventually(lambda: len(client.serving.tasks()) <= before)
    client.open_gate()
    assert client.until(job["statusUrl"])["result"] == "x"


def test_a_store_that_stops_answering_ends_the_stream(
    serve: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client connects again; the server logs no error of its own."""
    client = serve()
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")

    async def unavailable(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(client.stage.jobs.engine.store, "wait", unavailable)
        seen = read(client, job["eventsUrl"])
    assert [one.name for one in seen] == ["status"]
    client.open_gate()


def test_a_drain_closes_streams_and_answers_waits(serve: Callable[..., Client], framework: str) -> None:
    """SHD-1 over HTTP: streams end without `done`, held waits answer with the job as it is, readiness is off."""
    client = serve(framework, uvicorn={"timeout_graceful_shutdown": 20}, shutdown_grace=0.1)
    job = client.accepted("hold", "x")
    client.until(job["statusUrl"], "in_progress")
    engine = client.stage.jobs.engine
    body = b'{"do":"hold"}'
    length = ("Content-Length", str(len(body)))
    with client.serving.raw() as stream, client.serving.raw() as wait, client.serving.raw() as poll:
        stream.send(head("GET", f"/jobs/{job['jobId']}/events"))
        stream.receive(b"event: status")
        wait.send(head("POST", PATH, [length, ("Prefer", "wait=30")]) + body)
        poll.send(head("GET", f"/jobs/{job['jobId']}", [("Prefer", "wait=30")]))
        eventually(lambda: len(engine._waits) >= 3)
        client.serving.soon(engine.begin_drain)
        assert stream.receive(b"0\r\n\r\n")
        assert wait.answer().status == 202
        assert poll.answer("GET").json()["status"] == "in_progress"
    assert client.get("/readyz").status_code == 503
