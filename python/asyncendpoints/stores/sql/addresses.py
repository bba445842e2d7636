"""Which database an address leads to, and what the store's tables are called there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.tables import PREFIX, Tables

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from asyncendpoints.stores.sql.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Place:
    """A database, and the part of it that is one store's."""

    dialect: Dialect
    tables: Tables
    namespace: str


def found_at(
    address: str | Engine | AsyncEngine, *, namespace: str, prefix: str | None = None, schema: str | None = None
) -> Place:
    """Return where a store is.

    Args:
        address: A URL, or an engine of SQLAlchemy's.
        namespace: Separates applications, where the URL names no namespace.
        prefix: How the names of the tables begin, where the URL does not say so.
        schema: The schema that they are in, where the URL names none.

    Raises:
        ConfigurationError: It cannot work.
    """
    name = urlsplit(address).scheme if isinstance(address, str) else address.dialect.name
    if name.startswith("sqlite"):
        return _sqlite(address, namespace, prefix, schema)
    raise ConfigurationError(f"{name} is no database that asyncendpoints keeps jobs in")


def _sqlite(address: str | Engine | AsyncEngine, namespace: str, prefix: str | None, schema: str | None) -> Place:
    from asyncendpoints.stores.sql.sqlite import Sqlite
    from asyncendpoints.stores.sql.sqlite_url import SqliteAddress, parse_sqlite_url

    if schema is not None:
        raise ConfigurationError("SQLite has no schemas")
    if isinstance(address, str):
        found = parse_sqlite_url(address)
        return Place(Sqlite(found), Tables(prefix or found.prefix), found.namespace or namespace)
    engine = address.sync_engine if isinstance(address, AsyncEngine) else address
    if engine.dialect.driver != "pysqlite" or not engine.url.database:
        raise ConfigurationError(
            "an engine for SQLite must lead to a file, with the driver pysqlite; or give the file's URL, sqlite:///file.db"
        )
    found = SqliteAddress(path=engine.url.database)
    return Place(Sqlite(found, engine), Tables(prefix or PREFIX), namespace)
