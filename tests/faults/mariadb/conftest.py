"""A MariaDB that the tests here may kill and restart, and a database of its own for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.mariadb_server import MariadbServer, own_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """Return a server that forces each commit to disk before it is acknowledged."""
    with MariadbServer(durable=True) as server:
        yield server


@pytest.fixture
def url(mariadb: MariadbServer) -> Iterator[str]:
    """Return the URL of a database with nothing in it."""
    with own_database(mariadb.url) as url:
        yield url
