"""What a later release could do: a column with values, an index on it, and a table of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Index, MetaData, String, Table, column, inspect, table, update
from sqlalchemy.schema import CreateIndex

from asyncendpoints.stores.sql.migrations.steps import add_tables, drop_tables

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations, prefix: str, schema: str | None) -> None:
    """Add what is not there yet, and fill it."""
    jobs = f"{prefix}jobs"
    as_sql = op.get_context().as_sql
    _tell("began")
    if as_sql or "wish" not in _columns(op, jobs, schema):
        op.add_column(jobs, Column("wish", String(20), server_default="none", nullable=False), schema=schema)
    _halt()
    name = f"{jobs}_wish"
    if as_sql or not inspect(op.get_bind()).has_index(jobs, name, schema):
        described = Table(jobs, MetaData(schema=schema), Column("namespace", String(64)), Column("wish", String(20)))
        op.execute(CreateIndex(Index(name, described.c.namespace, described.c.wish)))
    add_tables(op, described_wishes(prefix, schema))
    op.execute(update(table(jobs, column("handler"), column("wish"), schema=schema)).values(wish="granted"))


def downgrade(op: Operations, prefix: str, schema: str | None) -> None:
    """Drop what is there of it."""
    jobs = f"{prefix}jobs"
    drop_tables(op, described_wishes(prefix, schema))
    if inspect(op.get_bind()).has_index(jobs, f"{jobs}_wish", schema):
        op.drop_index(f"{jobs}_wish", jobs, schema=schema)
    if "wish" in _columns(op, jobs, schema):
        op.drop_column(jobs, "wish", schema=schema)


def described_wishes(prefix: str, schema: str | None) -> MetaData:
    """Return the new table."""
    metadata = MetaData(schema=schema)
    Table(f"{prefix}wishes", metadata, Column("wish", String(20), primary_key=True))
    return metadata


def _columns(op: Operations, name: str, schema: str | None) -> set[str]:
    return {str(found["name"]) for found in inspect(op.get_bind()).get_columns(name, schema)}


def _tell(word: str) -> None:
    """Add a line to the file that the test counts."""
    told = os.environ.get("MIGRATION_LOG")
    if told:
        with Path(told).open("a", encoding="utf-8") as log:
            log.write(f"{word}\n")


def _halt() -> None:
    """Where the test says so, stop in the middle until it says to go on."""
    gate = os.environ.get("MIGRATION_GATE")
    if gate:
        _tell("half")
        while not Path(gate).exists():
            time.sleep(0.01)
