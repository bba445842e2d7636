"""HTTP by hand: what a client library would refuse to send, and the answer as it came."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = 30.0
"""Seconds that a busy machine gets before a test fails."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer, with its headers in the order sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the only header of this name, or None."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class _Kept:
    """A connection's reader, that one answer leaves open for the next."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def makefile(self, mode: str) -> Any:
        """Stand for the socket that `http.client` asks for a reader."""
        assert mode == "rb"
        return self

    def close(self) -> None:
        """Stay open."""


class RawConnection:
    """A socket to the server, closed with its block."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes; a server that has already closed is not an error, its answer may still be read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def answer(self, method: str = "POST") -> RawAnswer:
        """Read one answer."""
        kept: Any = _Kept(self._reader)
        response = http.client.HTTPResponse(kept, method=method)
        response.begin()
        body = response.read()
        response.close()
        return RawAnswer(response.status, response.getheaders(), body)

    def receive(self, until: bytes) -> bytes:
        """Read until the bytes have been seen."""
        seen = b""
        while until not in seen:
            chunk = self._reader.read1()
            assert chunk, f"closed before {until!r}: {seen!r}"
            seen += chunk
        return seen

    def closed(self) -> bool:
        """Tell whether the server has closed, after reading what it had to say."""
        try:
            while self._reader.read1():
                pass
        except ConnectionResetError:
            return True
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self.socket.close()


def head(method: str, target: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return a request's head, with the headers given and no others but Host."""
    lines = [f"{method} {target} HTTP/1.1"]
    pairs = [*headers]
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", "testserver"))
    lines += [f"{name}: {value}" for name, value in pairs]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunked(*chunks: bytes) -> bytes:
    """Return a chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
