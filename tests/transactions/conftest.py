"""Databases in which a user has a table of his own beside the jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tests.support import mariadb_server, postgres_server
from tests.support.callers import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Database:
    """A database with the user's table in it."""

    url: str
    """As the store takes it."""
    blocking: str
    """SQLAlchemy's URL with a driver that blocks."""
    asynchronous: str
    """SQLAlchemy's URL with an asynchronous driver."""

    @property
    def urls(self) -> dict[str, str]:
        """The URLs for a caller."""
        return {"blocking": self.blocking, "asynchronous": self.asynchronous}

    def numbers(self) -> list[int]:
        """Return what is committed in the user's table."""
        engine = create_engine(self.blocking)
        try:
            with engine.connect() as connection:
                return sorted(connection.execute(text(f"SELECT x FROM {TABLE}")).scalars())
        finally:
            engine.dispose()


def _with_table(database: Database) -> Database:
    engine = create_engine(database.blocking)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {TABLE} (x INTEGER NOT NULL)"))
    engine.dispose()
    return database


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    """Return a SQLite file."""
    path = tmp_path / "app.db"
    return _with_table(Database(f"sqlite:///{path}", f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}"))


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Database]:
    """Return a database on a PostgreSQL server."""
    with postgres_server.own_database(postgres_url) as url:
        rest = url.partition("://")[2]
        yield _with_table(Database(url, f"postgresql+psycopg://{rest}", f"postgresql+asyncpg://{rest}"))


@pytest.fixture
def mariadb(mariadb_server_url: str) -> Iterator[Database]:
    """Return a database on a MariaDB server."""
    with mariadb_server.own_database(mariadb_server_url) as url:
        rest = url.partition("://")[2]
        yield _with_table(Database(url, f"mysql+pymysql://{rest}", f"mysql+asyncmy://{rest}"))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return a database of every kind, one after the other."""
    return request.getfixturevalue(request.param)
