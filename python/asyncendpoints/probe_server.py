"""The small server of a worker process: its metrics and its health, on threads that no handler can hold up.

The event loop is asked only for what it alone knows. Where it does not answer, that is the answer.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
import threading
import time
from concurrent.futures import CancelledError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.observability.logging import log_safely, printable
from asyncendpoints.observability.metrics import MetricsCollector, render

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from asyncendpoints.engine import Engine

LOOPBACK: Final = "127.0.0.1"
"""Where it listens unless it is told otherwise: what a process does is nobody else's business."""
PATIENCE: Final = 3.0
"""Seconds that the event loop gets to answer; a probe's own patience is often longer."""
AT_ONCE: Final = 16
"""How many connections are served at a time; more are closed unheard."""
READ_WITHIN: Final = 5.0
"""Seconds that a client gets for its request, and as many to take the answer: slow ones must keep no probe away."""
_POLL: Final = 3600.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class ProbeServer:
    """Serves `/metrics`, `/livez` and `/readyz` from its construction until it is closed.

    Args:
        engine: Whose.
        loop: The event loop that the engine is, or will be, started on.
        host: The address to listen on.
        port: The port; 0 is any free one.

    Raises:
        ConfigurationError: The address cannot be listened on, or prometheus-client is not installed.
    """

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop, *, host: str = LOOPBACK, port: int) -> None:
        self._engine = engine
        self._loop = loop
        engine.measures.measure_store()
        self._collector = MetricsCollector(engine.measures)
        try:
            self._server = _Server(self, host, port)
        except OSError as error:
            raise ConfigurationError(f"the metrics cannot be served on {host}:{port}: {error}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="asyncendpoints-probes", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_address[1]

    def close(self) -> None:
        """Listen no more."""
        ending = threading.Thread(target=self._server.shutdown, daemon=True)
        ending.start()
        while ending.is_alive():
            # It sleeps until somebody comes.
            with socket.socket(self._server.address_family) as visitor:
                visitor.connect_ex(self._server.server_address)
            ending.join(0.05)
        self._server.server_close()

    # What is asked, on any thread.

    def answer(self, path: str, accept: str) -> tuple[int, bytes, str]:
        """Return the status, the body and the media type for a path."""
        if path == "/metrics":
            if (figures := self._engine.measures.figures) is not None:
                self._ask(figures.refresh())
            return (200, *render(self._collector, accept))
        if path == "/livez":
            return _health(self._why_not_alive())
        if path == "/readyz":
            return _health(self._why_not_ready())
        return 404, b"/metrics, /livez and /readyz are here\n", "text/plain; charset=utf-8"

    def _why_not_alive(self) -> list[str]:
        watch, allowed = self._engine.measures.watch, self._engine.settings.max_stall_ms / 1000
        if watch is None or watch.silent_for <= allowed:
            return []
        return [f"the event loop has stalled for {watch.silent_for:.0f} s; its runs count as lost after {allowed:g} s"]

    def _why_not_ready(self) -> list[str]:
        reasons = self._ask(self._engine.check_ready())
        return [*self._engine.ready(), "the event loop does not answer"] if reasons is None else reasons

    def _ask(self, question: Coroutine[Any, Any, T]) -> T | None:
        """Return what the event loop answers, or None where it does not."""
        try:
            answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:
            # It is closed.
            question.close()
            return None
        try:
            return answer.result(PATIENCE)
        except (TimeoutError, CancelledError):
            answer.cancel()
            return None


def _health(reasons: list[str]) -> tuple[int, bytes, str]:
    body = {"status": "unavailable", "reasons": reasons} if reasons else {"status": "ok"}
    return 503 if reasons else 200, json.dumps(body, separators=(",", ":")).encode(), "application/json"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, probes: ProbeServer, host: str, port: int) -> None:
        self.probes = probes
        self._places = threading.BoundedSemaphore(AT_ONCE)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks its name up, for which a machine without a name server has to wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log_safely(_log, logging.DEBUG, "a request for metrics or health could not be answered", exc_info=True)


class _Within(io.RawIOBase):
    """What a client sends, all of it within a time; the timeout of a socket begins anew with each byte."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._seconds)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] (nobody else makes one)
    timeout: float = READ_WITHIN  # pyright: ignore[reportIncompatibleVariableOverride] (there is always one)

    def setup(self) -> None:
        """Read with a bound in time; a connection is for one request."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Within(self.connection, self.timeout))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, body, media_type = self.server.probes.answer(path, self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 (likewise)

    def version_string(self) -> str:
        """Say nothing of versions."""
        return "asyncendpoints"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name for it)
        """Log a request where somebody debugs, and escape what it says."""
        if _log.isEnabledFor(logging.DEBUG):
            log_safely(_log, logging.DEBUG, "%s", printable(format % args))
