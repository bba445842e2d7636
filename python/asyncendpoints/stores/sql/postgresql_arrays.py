"""Rows of values for PostgreSQL: an array for each column, and one statement about them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from sqlalchemy import ARRAY, String, bindparam, column, func, literal_column, select
from sqlalchemy import cast as cast_

from asyncendpoints.stores.sql.dialect import Each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, CursorResult, Executable
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

VARIANTS: Final = 24
"""Of how many statements an `EachArray` is at most, so that what is prepared on the server stays bounded."""


def given(
    types: Mapping[str, TypeEngine[Any]], arrays: Mapping[str, str], now: ColumnElement[int] | None = None
) -> dict[str, ColumnElement[Any]]:
    """Return the values of a row of arrays by name, with the namespace as `ns`.

    The planner does not see through it: it takes each row and looks it up by the whole key. By the namespace alone,
    about which it may know nothing yet, it would find most of the table.

    Args:
        types: The type of each value.
        arrays: The parameter of each, which holds an array.
        now: The time, where the row is to have it, too.
    """
    parameters = [bindparam(arrays[name], type_=ARRAY(type_)) for name, type_ in types.items()]
    rows = func.unnest(*parameters).table_valued(*(column(name, type_) for name, type_ in types.items()))
    rows = rows.render_derived()
    ns = bindparam("ns", type_=String()).label("ns")
    common = [ns] if now is None else [ns, now.label("now")]
    found = select(*common, *(rows.c[name] for name in types)).offset(literal_column("0")).subquery()
    return {name: found.c[name] for name in (*(one.name for one in common), *types)}


_Key: TypeAlias = tuple[str, frozenset[str]]
"""A driver, which may be the user's and not the store's, and what all rows have in common."""


@dataclass(frozen=True, slots=True)
class _Variant:
    """A statement as a driver takes it."""

    sql: str
    order: Sequence[str] | None
    """The names of its parameters, where they have numbers."""
    fixed: Mapping[str, Any]
    """What is the same whenever it is executed."""


@dataclass(frozen=True, slots=True, eq=False)
class EachArray(Each):
    """A statement about rows. What all of them have in common is handed over once."""

    make: Callable[[Mapping[str, ColumnElement[Any]]], Executable]
    types: Mapping[str, TypeEngine[Any]]
    now: ColumnElement[int] | None
    variants: dict[_Key, _Variant] = field(default_factory=dict[_Key, _Variant])

    def run(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]
    ) -> CursorResult[Any]:
        """Execute it about all these rows.

        The driver takes the values as they are, so they are handed to it as they are: all that is done for each value
        in between costs more than what the server does with it.
        """
        return self.ask(connection, {name: [row[name] for row in rows] for name in self.names}, same)

    def ask(
        self, connection: Connection, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
    ) -> CursorResult[Any]:
        """Execute it about rows whose values are given by name."""
        number = len(columns[self.names[0]])
        common = frozenset(name for name in self.names[1:] if columns[name].count(columns[name][0]) == number)
        driver = connection.dialect.driver
        if (driver, common) not in self.variants and len(self.variants) >= VARIANTS:
            common = frozenset[str]()
        variant = self.variants.get((driver, common))
        if variant is None:
            variant = self.variants[driver, common] = self._variant(connection, common)
        values = {
            **variant.fixed,
            **same,
            **{_parameter(name): found[0] if name in common else found for name, found in columns.items()},
        }
        if variant.order is None:
            return connection.exec_driver_sql(variant.sql, values)
        return connection.exec_driver_sql(variant.sql, tuple([values[name] for name in variant.order]))

    def _variant(self, connection: Connection, common: frozenset[str]) -> _Variant:
        statement: Any = _made(self.make, self.types, common, self.now)
        compiled = cast("SQLCompiler", statement.compile(dialect=connection.dialect))
        return _Variant(str(compiled), compiled.positiontup, dict(compiled.params))


def each_array(
    make: Callable[[Mapping[str, ColumnElement[Any]]], Executable],
    types: Mapping[str, TypeEngine[Any]],
    *,
    now: ColumnElement[int] | None = None,
) -> EachArray:
    """Return a statement about rows.

    Args:
        make: Makes the statement of the values of a row.
        types: The values that each row has for itself; no two rows have the first of them in common.
        now: The time, where the statement is made of it, too.
    """
    return EachArray(_made(make, types, frozenset(), now), tuple(types), make, types, now)


def _made(
    make: Callable[[Mapping[str, ColumnElement[Any]]], Executable],
    types: Mapping[str, TypeEngine[Any]],
    common: frozenset[str],
    now: ColumnElement[int] | None,
) -> Executable:
    arrays = {name: type_ for name, type_ in types.items() if name not in common}
    row = given(arrays, {name: _parameter(name) for name in arrays}, now)
    # With its type said, because it may be null.
    same = {name: cast_(bindparam(_parameter(name), type_=types[name]), types[name]) for name in common}
    return make({**row, **same})


def _parameter(name: str) -> str:
    return f"each_{name}"
