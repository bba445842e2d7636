"""A PostgreSQL that may be stopped, and a world of processes on it, for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.faults.world import World
from tests.support.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def server() -> Iterator[PostgresServer]:
    """Return a PostgreSQL of this folder's."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def world(server: PostgresServer, tmp_path: Path) -> Iterator[World]:
    """Return a world whose processes have leases of one second."""
    with World(server.url, tmp_path) as one:
        yield one
