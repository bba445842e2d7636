"""Taking a store's tables to another version: `asyncendpoints migrate`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from asyncendpoints.stores.versions import Migratable

if TYPE_CHECKING:
    from asyncendpoints.stores.versions import Migration, Versions

DONE: Final = 0
"""The exit code where all is done, or nothing was to be done."""
BEHIND: Final = 4
"""The exit code where the tables have another version than this release needs."""


def run_migrate(place: object, *, to: str, only_check: bool, as_sql: bool) -> tuple[int, str]:
    """Take tables to another version.

    Args:
        place: What has the tables, if anything.
        to: A version, `head` or `base`.
        only_check: Whether to say only which version the tables have.
        as_sql: Whether to print the statements instead.

    Returns:
        The exit code, and what to print.

    Raises:
        ConfigurationError: This release does not know a version.
        StoreUnavailable: The database cannot be used.
    """
    if not isinstance(place, Migratable):
        return DONE, "This store has no tables, and nothing to migrate.\n"
    if only_check:
        found = asyncio.run(place.versions())
        return DONE if found.fit else BEHIND, f"{_checked(found)}\n"
    if as_sql:
        return DONE, asyncio.run(place.migration(to))
    return DONE, f"{_done(asyncio.run(place.migrate(to)))}\n"


def _checked(versions: Versions) -> str:
    if versions.fit:
        return f"The tables have version {versions.found}, as this release needs."
    if versions.found is None:
        return f"There are no tables yet; this release makes those of version {versions.needed}."
    return f"The tables have version {versions.found}, and this release needs version {versions.needed}."


def _done(migration: Migration) -> str:
    if migration.before == migration.after:
        return f"{_present(migration.after)} already; nothing was to be done."
    if migration.after is None:
        return f"The tables of version {migration.before} are dropped."
    if migration.before is None:
        return f"The tables are set up, in version {migration.after}."
    return f"The tables were taken from version {migration.before} to version {migration.after}."


def _present(version: str | None) -> str:
    return "There are no tables" if version is None else f"The tables have version {version}"
