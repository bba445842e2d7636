"""Which version the tables have: an empty database is set up at the start, and another version's is refused."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.versions import HEAD, Migration, Versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.stores.sql.transaction import Transaction

VERSION: Final = "0001"
"""The version of the tables that this release works with."""
_VERSION: Final = re.compile(r"\d{4}")


def set_up(tx: Transaction) -> None:
    """Make the tables where there are none, while nobody else does.

    Raises:
        ConfigurationError: The tables have another version than this release needs.
    """
    if _found(tx, apart=True) is None:
        _take_turn(tx)
        # Somebody else may have done it meanwhile.
        if _found(tx, apart=True) is None:
            _migrate(tx, None, HEAD)
    check(tx)


def check(tx: Transaction) -> None:
    """Return if the tables have the version that this release needs.

    Raises:
        ConfigurationError: They have another one, or there are none.
    """
    found = _found(tx)
    if found == VERSION:
        return
    if found is None:
        raise ConfigurationError(
            f"the database has no tables any more whose names begin with {tx.tables.prefix}: start again to make those "
            f"of version {VERSION}, or run `asyncendpoints migrate` with the application or the store's URL"
        )
    if found > VERSION:
        raise ConfigurationError(
            f"the database's tables have version {found}, which a later release of asyncendpoints has made, and this "
            f"release needs version {VERSION}: update asyncendpoints here, too, or take the tables back with that "
            f"release: `asyncendpoints migrate --to {VERSION}` with the application or the store's URL"
        )
    raise ConfigurationError(
        f"the database's tables have version {found}, and this release of asyncendpoints needs version {VERSION}: "
        "stop what runs with the older release, and run `asyncendpoints migrate` with the application or the store's "
        "URL"
    )


def versions(tx: Transaction) -> Versions:
    """Return which version the tables have, and which this release needs."""
    return Versions(found=_found(tx, apart=True), needed=VERSION)


def migrate(tx: Transaction, to: str) -> Migration:
    """Make the tables those of another version, while nobody else does.

    Raises:
        ConfigurationError: This release does not know one of the versions.
    """
    _take_turn(tx)
    found = _found(tx, apart=True)
    _migrate(tx, found, to)
    return Migration(before=found, after=_found(tx))


def migration(tx: Transaction, to: str) -> str:
    """Return the statements that would make the tables those of another version.

    Raises:
        ConfigurationError: This release does not know one of the versions.
    """
    from asyncendpoints.stores.sql import migrating

    return migrating.statements(tx.connection, tx.tables, found=_found(tx, apart=True), to=to)


def _migrate(tx: Transaction, found: str | None, to: str) -> None:
    # Whoever starts with tables as they should be has no use for alembic, whose import takes as long as a start.
    from asyncendpoints.stores.sql import migrating

    tx.dialect.restructure(tx.connection)
    migrating.migrate(tx.connection, tx.tables, found=found, to=to)


def _take_turn(tx: Transaction) -> None:
    # All namespaces have the same tables.
    tx.dialect.turn(tx.connection, f"{tx.tables.version.fullname} set-up")


def _found(tx: Transaction, *, apart: bool = False) -> str | None:
    """Return the version that the tables have; None where there are none.

    Args:
        tx: Where to look.
        apart: Whether the transaction is to go on where there are none: PostgreSQL refuses whatever follows an error.
    """
    table = tx.tables.version
    try:
        found = _read(tx, apart=apart)
    except (OperationalError, ProgrammingError):
        if not inspect(tx.connection).has_table(table.name, schema=table.schema):
            return None
        # Somebody may have made it between the two looks.
        found = _read(tx, apart=apart)
    if not found:
        return None
    if len(found) > 1 or not _VERSION.fullmatch(found[0]):
        raise ConfigurationError(
            f"the table {table.fullname} says {', '.join(sorted(found))!r}, which is no version of asyncendpoints: "
            "is it another program's? Then choose another prefix for the tables"
        )
    return found[0]


def _read(tx: Transaction, *, apart: bool) -> Sequence[str]:
    version = tx.tables.version
    with tx.connection.begin_nested() if apart else nullcontext():
        return tx.connection.execute(select(version.c.version_num)).scalars().all()
