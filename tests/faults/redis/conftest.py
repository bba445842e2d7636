"""A Redis, a proxy before it, and a world of processes for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.faults.world import World
from tests.support.redis_proxy import RedisProxy
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def server() -> Iterator[RedisServer]:
    """Return a Redis for those tests that leave it running and keep to their namespace."""
    with RedisServer() as running:
        yield running


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[RedisProxy]:
    """Return a proxy before that Redis."""
    with RedisProxy(server.port) as running:
        yield running


@pytest.fixture
def world(server: RedisServer, tmp_path: Path) -> Iterator[World]:
    """Return a world whose processes have leases of one second."""
    with World(server.url(), tmp_path) as one:
        yield one
