"""An empty database is set up at the start, safely by several processes at once; another version's is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from asyncendpoints.stores.sql.transaction import Transaction


def set_up(tx: Transaction) -> None:
    """Make the tables where there are none, while nobody else does.

    Raises:
        ConfigurationError: The tables belong to another version of this library.
    """
    schema = tx.tables.schema
    tx.turn("set-up")
    if not inspect(tx.connection).has_table(schema.name, schema=schema.schema):
        tx.tables.metadata.create_all(tx.connection, checkfirst=False)
        tx.connection.execute(schema.insert(), {"only": 1, "version": SCHEMA_VERSION})
    check(tx)


def check(tx: Transaction) -> None:
    """Return if the tables are of this version.

    Raises:
        ConfigurationError: They belong to another one.
    """
    found = tx.connection.execute(select(tx.tables.schema.c.version)).scalar_one_or_none()
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
