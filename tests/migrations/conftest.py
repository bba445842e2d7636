"""Each of these tests is run with every kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import mariadb_server, postgres_server
from tests.support.sql_databases import SqlDatabase, looking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """Return an empty database."""
    kind: str = request.param
    if kind == "sqlite":
        yield SqlDatabase(kind, f"sqlite:///{tmp_path}/jobs.db", looking(f"sqlite:///{tmp_path}/jobs.db"))
    elif kind == "postgresql":
        with postgres_server.own_database(request.getfixturevalue("postgres_url")) as url:
            yield SqlDatabase(kind, url, looking(url.replace("postgresql:", "postgresql+psycopg:")))
    else:
        with mariadb_server.own_database(request.getfixturevalue("mariadb_server_url")) as url:
            yield SqlDatabase(kind, url, looking(url.replace("mysql:", "mysql+pymysql:")))
