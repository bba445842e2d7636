"""An empty database is set up at the start, safely by several processes at once; another version's is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.tables import SCHEMA_VERSION, metadata, schema

if TYPE_CHECKING:
    from sqlalchemy import Connection


def set_up(connection: Connection) -> None:
    """Make the tables where there are none, in the transaction of this connection, which has its turn to write.

    Raises:
        ConfigurationError: The tables belong to another version of this library.
    """
    if not inspect(connection).has_table(schema.name):
        metadata.create_all(connection)
        connection.execute(schema.insert(), {"only": 1, "version": SCHEMA_VERSION})
    check(connection)


def check(connection: Connection) -> None:
    """Return if the tables are of this version.

    Raises:
        ConfigurationError: They belong to another one.
    """
    found = connection.execute(select(schema.c.version)).scalar_one_or_none()
    if found == SCHEMA_VERSION:
        return
    if found is not None and found > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the database's tables have version {found}, which a later release of asyncendpoints has made; this one "
            f"works with version {SCHEMA_VERSION}: update asyncendpoints here, too"
        )
    raise ConfigurationError(
        f"the database's tables have version {found}, and this release of asyncendpoints needs version "
        f"{SCHEMA_VERSION}: give it a new database, or run the release that made them"
    )
