"""What versions do to a database, so that it can be repeated.

MariaDB and MySQL commit each of these statements by itself: whoever ends half-way leaves a part of a version behind.
The next one who migrates goes through the same version again, and finds done what is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

if TYPE_CHECKING:
    from alembic.operations import Operations
    from sqlalchemy import MetaData


def add_tables(op: Operations, described: MetaData) -> None:
    """Make those of the tables and of their indexes that are not there.

    Args:
        op: Leads to the database, or writes down statements for one that is empty.
        described: The tables.
    """
    known = None if op.get_context().as_sql else inspect(op.get_bind())
    for table in described.sorted_tables:
        found: set[str | None] | None = None
        if known is not None and known.has_table(table.name, table.schema):
            found = {index["name"] for index in known.get_indexes(table.name, table.schema)}
        if found is None:
            op.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if found is None or index.name not in found:
                op.execute(CreateIndex(index))


def drop_tables(op: Operations, described: MetaData) -> None:
    """Drop those of the tables that are there, with all that is in them."""
    known = None if op.get_context().as_sql else inspect(op.get_bind())
    for table in reversed(described.sorted_tables):
        if known is None or known.has_table(table.name, table.schema):
            op.execute(DropTable(table))
