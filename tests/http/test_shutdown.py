"""SHD-1 under uvicorn, in a process of its own: a signal drains at once, whatever requests are open."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.http.raw import RawConnection, head
from tests.http.serving import eventually
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve the application of this module's tests."""
    with Server.uvicorn("tests.http.shutdown_app:app", "--log-level", "info") as running:
        yield running


def connect(server: Server) -> RawConnection:
    """Open a connection by hand."""
    return RawConnection(urlsplit(server.url).port or 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_with_an_open_stream_and_a_held_wait(server: Server, number: signal.Signals) -> None:
    """SHD-1 claims stop, streams close, held waits answer, handlers get the grace, then shutdown code runs."""
    job = httpx.post(f"{server.url}/until-drain").json()
    eventually(lambda: "handler runs" in server.output)
    with connect(server) as stream, connect(server) as wait, connect(server) as poll:
        stream.send(head("GET", f"/jobs/{job['jobId']}/events"))
        stream.receive(b"in_progress")
        wait.send(head("POST", "/for-ever", [("Prefer", "wait=30"), ("Content-Length", "0")]))
        eventually(lambda: server.output.count("handler runs") == 2)
        poll.send(head("GET", f"/jobs/{job['jobId']}", [("Prefer", "wait=30")]))
        server.process.send_signal(number)
        assert wait.answer().status == 202
        assert poll.answer("GET").status == 200
        assert stream.receive(b"0\r\n\r\n")
        # The job that does not end by itself has the grace; the second signal takes it away.
        eventually(lambda: "handler ends" in server.output)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        server.wait()
    lines = [line.strip() for line in server.lines]
    assert lines.index("handler ends") < lines.index("handler is released") < lines.index("app ends")
    assert "Traceback" not in server.output


def test_a_drain_waits_for_handlers_without_open_requests(server: Server) -> None:
    """A handler that ends within the grace is completed before the application's shutdown code."""
    httpx.post(f"{server.url}/until-drain")
    eventually(lambda: "handler runs" in server.output)
    assert server.stop() in (0, -signal.SIGTERM)
    lines = [line.strip() for line in server.lines]
    assert lines.index("app starts") < lines.index("handler ends") < lines.index("app ends")
    assert "Traceback" not in server.output


def test_a_second_signal_releases_and_leaves_now(server: Server) -> None:
    """Without it the handler would have 30 seconds."""
    httpx.post(f"{server.url}/for-ever")
    eventually(lambda: "handler runs" in server.output)
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM received, draining" in server.output or "Shutting down" in server.output)
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() in (0, -signal.SIGTERM)
    lines = [line.strip() for line in server.lines]
    assert lines.index("handler is released") < lines.index("app ends")


def test_an_idle_server_leaves_at_once(server: Server) -> None:
    """A server without work has nothing to wait for."""
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    assert server.stop() in (0, -signal.SIGTERM)
    assert "app ends" in server.output
