"""A proxy before PostgreSQL that interrupts commits: before the server has them, meanwhile, or afterwards.

A commit is the command, or a statement that writes and is a transaction by itself.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from tests.support.postgres_server import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMIT: Final = b"COMMIT"
_WRITES: Final = (b"INSERT INTO", b"UPDATE ")
_READY: Final = b"Z" + struct.pack("!i", 5)
"""How the server says that it is ready, and whether in a transaction."""
_IDLE: Final = b"I"
_KEY: Final = b"K" + struct.pack("!i", 12)
"""How the server says which of its processes serves the connection."""
_SIZE: Final = 1 << 16


class Fate(Enum):
    """What becomes of a commit."""

    UNSENT = auto()
    """The connection ends, and the server never hears of it."""
    UNANSWERED = auto()
    """The server does it, and the connection ends before anybody hears so."""
    KILLED = auto()
    """The server's process is ended while it is at it; nobody knows how far it was."""


class PostgresProxy:
    """A proxy on loopback; a context manager.

    Args:
        url: The server's database.
    """

    def __init__(self, url: str) -> None:
        self._target = url
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}").geturl()
        self._lock = threading.Lock()
        self._fate: Fate | None = None
        self.interrupted = 0
        """How many commits were interrupted."""
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fate: Fate) -> None:
        """Interrupt the next commit."""
        with self._lock:
            self._fate = fate

    def _take(self, data: bytes, state: _Connection) -> Fate | None:
        if not state.commits(data):
            return None
        with self._lock:
            fate, self._fate = self._fate, None
            self.interrupted += fate is not None
        return fate

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._sockets += [near, far]
                threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        state = _Connection(near, far)
        answers = threading.Thread(target=state.pass_answers, daemon=True)
        answers.start()
        with suppress(OSError):
            while data := near.recv(_SIZE):
                fate = self._take(data, state)
                if fate is Fate.UNSENT:
                    break
                if fate is Fate.UNANSWERED:
                    state.hold()
                    far.sendall(data)
                    state.answered.wait()
                    break
                far.sendall(data)
                if fate is Fate.KILLED:
                    execute(self._target, "SELECT pg_terminate_backend(%s)", state.pid)
        state.close()

    def close(self) -> None:
        """End every connection."""
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the body of each message; what a client begins with has no kind."""
    at = 0
    while at + 5 <= len(data) and data[at]:
        (length,) = struct.unpack_from("!i", data, at + 1)
        yield data[at : at + 1], data[at + 5 : at + 1 + length]
        at += 1 + length


class _Connection:
    """A connection through the proxy."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._near = near
        self._far = far
        self._held = threading.Event()
        self.answered = threading.Event()
        self.pid = 0
        self._status = b""
        self._statements: dict[bytes, bytes] = {}

    def commits(self, data: bytes) -> bool:
        """Tell whether what the client says commits something."""
        found = _COMMIT in data
        for kind, body in _messages(data):
            if kind == b"P":
                name, sql, *_ = body.split(b"\0")
                self._statements[name] = sql
            elif kind == b"B" and self._status == _IDLE:
                _, name, *_ = body.split(b"\0")
                sql = self._statements.get(name, b"")
                found = found or any(word in sql for word in _WRITES)
        return found

    def hold(self) -> None:
        """Pass on no further answer."""
        self._held.set()

    def pass_answers(self) -> None:
        """Pass on what the server says, until it says no more."""
        with suppress(OSError):
            while data := self._far.recv(_SIZE):
                if not self.pid and _KEY in data:
                    (self.pid,) = struct.unpack_from("!i", data, data.index(_KEY) + len(_KEY))
                if self._held.is_set():
                    break
                if data[-6:-1] == _READY:
                    self._status = data[-1:]
                self._near.sendall(data)
        self.answered.set()
        if not self._held.is_set():
            self.close()

    def close(self) -> None:
        """End both halves."""
        for each in (self._near, self._far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
