"""What tables look like in a database, to compare them: every column, every key, every index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Inspector, Row

_OPTIONS = text(
    "SELECT c.relname, c.reloptions FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = coalesce(:schema, current_schema()) AND c.relkind = 'r'"
)
_DEFINITIONS = text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = coalesce(:schema, current_schema())")


def shape(connection: Connection, prefix: str = "asyncendpoints_", schema: str | None = None) -> dict[str, Any]:
    """Return what the tables of a prefix look like, as the database itself has it."""
    inspector = inspect(connection)
    names = [name for name in inspector.get_table_names(schema) if name.startswith(prefix)]
    found = {name: _table(inspector, name, schema) for name in names}
    if connection.dialect.name == "postgresql":
        found["options"] = _named(prefix, connection.execute(_OPTIONS, {"schema": schema}))
        found["indexes"] = _named(prefix, connection.execute(_DEFINITIONS, {"schema": schema}))
    if connection.dialect.name == "sqlite":
        made = text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        found["indexes"] = _named(prefix, connection.execute(made))
    if connection.dialect.name in {"mysql", "mariadb"}:
        found["made"] = {
            # In any order, because keys may have been added in another one.
            name: sorted(
                line.rstrip(",") for line in connection.execute(text(f"SHOW CREATE TABLE {name}")).one()[1].split("\n")
            )
            for name in names
        }
    return found


def _named(prefix: str, rows: Iterable[Row[Any]]) -> dict[str, Any]:
    return {row[0]: row[1] for row in rows if row[0].startswith(prefix)}


def _table(inspector: Inspector, name: str, schema: str | None) -> dict[str, Any]:
    return {
        "columns": [
            (column["name"], str(column["type"]), column["nullable"], column["default"])
            for column in inspector.get_columns(name, schema)
        ],
        "key": inspector.get_pk_constraint(name, schema)["constrained_columns"],
        "indexes": {
            str(index["name"]): (index["column_names"], bool(index["unique"]))
            for index in inspector.get_indexes(name, schema)
        },
    }
