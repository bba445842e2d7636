"""An empty database of each kind, as the store names it and as a test looks into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, inspect, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class SqlDatabase:
    """A database with nothing in it, which goes with its test."""

    kind: str
    """`sqlite`, `postgresql` or `mariadb`."""
    url: str
    """The store's URL."""
    engine: Engine
    """The test's own way in, which holds no connection between uses."""

    def with_parameters(self, **parameters: str) -> str:
        """Return the store's URL with parameters."""
        added = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"{self.url}{'&' if '?' in self.url else '?'}{added}"

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement and return what it finds."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def execute(self, *statements: str) -> None:
        """Execute statements and commit them."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def tables(self, schema: str | None = None) -> Sequence[str]:
        """Return the names of the tables."""
        return sorted(inspect(self.engine).get_table_names(schema))


def looking(url: str) -> Engine:
    """Return a way into the database of a SQLAlchemy URL, which holds no connection between uses."""
    from sqlalchemy.pool import NullPool

    return create_engine(url, poolclass=NullPool)
