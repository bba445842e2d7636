"""The tables for others to see."""

from __future__ import annotations

from sqlalchemy import MetaData

from asyncendpoints.stores.sql.tables import Exact


def described(metadata: MetaData) -> MetaData:
    """Return the same tables without types of the store's own, which nobody else's migrations could name."""
    copied = MetaData(schema=metadata.schema)
    for table in metadata.sorted_tables:
        for column in table.to_metadata(copied).columns:
            if isinstance(column.type, Exact):
                column.type = Exact.plain
    return copied
