"""The examples, served as their READMEs say, and a client for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that serves an example and gives a client for it; all end with the module."""
    servers: list[Server] = []
    clients: list[httpx.Client] = []

    def start(application: str, **environment: str) -> httpx.Client:
        server = Server.uvicorn(application, environment=environment)
        servers.append(server)
        client = httpx.Client(base_url=server.url, timeout=60.0)
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()
    for server in servers:
        server.kill()
