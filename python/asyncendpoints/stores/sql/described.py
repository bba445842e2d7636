"""The tables for others to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, MetaData, Text

from asyncendpoints.stores.sql.tables import MYSQL, Exact

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine


def described(metadata: MetaData, database: str) -> MetaData:
    """Return the same tables, with types as the database itself names them.

    Nobody else's migrations could name a type of the store's own, and what alembic finds in the database it compares
    with what it is given by name.

    Args:
        metadata: The store's.
        database: What SQLAlchemy calls the database.
    """
    copied = MetaData(schema=metadata.schema)
    of = _in_mysql if database in MYSQL else _elsewhere
    for table in metadata.sorted_tables:
        for column in table.to_metadata(copied).columns:
            column.type = of(column.type)
    return copied


def _elsewhere(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(type_, Exact) else type_


def _in_mysql(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT, TINYBLOB

    if isinstance(type_, Exact):
        return LONGBLOB()
    if isinstance(type_, Text):
        return LONGTEXT()
    if isinstance(type_, LargeBinary):
        return LONGBLOB() if type_.length is None else TINYBLOB()
    return type_
