"""Which database an address leads to, and what the store's tables are called there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.tables import COMMITS, MYSQL, PREFIX, Tables

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

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
    if name.startswith(MYSQL):
        return _mysql(address, namespace, prefix, schema)
    if name.startswith("postgres"):
        return _postgresql(address, namespace, prefix, schema)
    raise ConfigurationError(f"{name} is no database that asyncendpoints keeps jobs in")


def _first(in_url: str | None, given: str | None) -> str:
    """Return the prefix that the URL names, or else the given one, or else the usual one."""
    return next((prefix for prefix in (in_url, given) if prefix is not None), PREFIX)


def _blocking(engine: Engine | AsyncEngine) -> Engine:
    # Importing the class of asynchronous ones, to ask for it, would need greenlet, which SQLite does without.
    blocking: Engine | None = getattr(engine, "sync_engine", None)
    return cast("Engine", engine) if blocking is None else blocking


def _sqlite(address: str | Engine | AsyncEngine, namespace: str, prefix: str | None, schema: str | None) -> Place:
    from asyncendpoints.stores.sql.sqlite import Sqlite
    from asyncendpoints.stores.sql.sqlite_url import SqliteAddress, parse_sqlite_url

    if schema is not None:
        raise ConfigurationError("SQLite has no schemas")
    if isinstance(address, str):
        found = parse_sqlite_url(address)
        return Place(Sqlite(found), Tables(_first(found.prefix, prefix)), found.namespace or namespace)
    engine = _blocking(address)
    if engine.dialect.driver != "pysqlite" or not engine.url.database:
        raise ConfigurationError(
            "an engine for SQLite must lead to a file, with the driver pysqlite; or give the file's URL, sqlite:///file.db"
        )
    found = SqliteAddress(path=engine.url.database)
    return Place(Sqlite(found, engine), Tables(_first(None, prefix)), namespace)


def _mysql(address: str | Engine | AsyncEngine, namespace: str, prefix: str | None, schema: str | None) -> Place:
    from asyncendpoints.stores.sql.mysql import Mysql
    from asyncendpoints.stores.sql.mysql_url import MysqlAddress, parse_mysql_url

    if schema is not None:
        raise ConfigurationError("in MySQL and MariaDB a schema is a database, which the URL names")
    if isinstance(address, str):
        found, engine = parse_mysql_url(address), None
    else:
        engine = _blocking(address)
        if engine.dialect.driver not in {"asyncmy", "aiomysql", "pymysql"}:
            raise ConfigurationError(
                f"an engine for MySQL or MariaDB must have the driver asyncmy, aiomysql or pymysql, not "
                f"{engine.dialect.driver}; or give the database's URL, mysql://user:password@host/database"
            )
        url = engine.url
        found = MysqlAddress(host=url.host or "localhost", port=url.port or 3306, database=url.database or "")
    tables = Tables(_first(found.prefix, prefix), database="mysql")
    return Place(Mysql(found, f"{tables.prefix}{COMMITS}", engine), tables, found.namespace or namespace)


def _postgresql(address: str | Engine | AsyncEngine, namespace: str, prefix: str | None, schema: str | None) -> Place:
    from asyncendpoints.stores.sql.postgresql import Postgresql
    from asyncendpoints.stores.sql.postgresql_url import PostgresqlAddress, parse_postgresql_url

    if isinstance(address, str):
        found, engine = parse_postgresql_url(address), None
    else:
        engine = _blocking(address)
        if engine.dialect.driver not in {"asyncpg", "psycopg", "psycopg_async"}:
            raise ConfigurationError(
                f"an engine for PostgreSQL must have the driver asyncpg or psycopg, not {engine.dialect.driver}; or "
                "give the database's URL, postgresql://user:password@host/database"
            )
        url = engine.url
        found = PostgresqlAddress(host=url.host or "localhost", port=url.port or 5432, database=url.database or "")
    tables = Tables(_first(found.prefix, prefix), found.schema or schema, database="postgresql")
    place = f"{tables.metadata.schema or ''}.{tables.prefix}"
    return Place(Postgresql(found, place, engine), tables, found.namespace or namespace)
