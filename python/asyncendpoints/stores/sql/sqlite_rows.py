"""How SQLite updates many rows: by one statement that has them all in one parameter.

The driver lets other threads run only while SQLite is at work, and has to wait for its turn again after each row that
it hands over: rows handed over one by one would stop whenever the application's event loop is busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import LargeBinary, String, bindparam, column, func, literal_column, select

from asyncendpoints.stores.sql.dialect import Each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Executable
    from sqlalchemy.types import TypeEngine

_ROWS: Final = "given_rows"
"""The parameter with the rows, in JSON: a list of the values of each."""
_BODIES: Final = "given_bodies"
"""The parameter with what JSON cannot hold, one after the other; a row has the place of each, and its length."""


@dataclass(frozen=True, slots=True)
class Updating(Each):
    """An update of the rows of a table that others are joined to."""

    bodies: tuple[bool, ...]
    """Which of the values are bytes."""


def updating(
    make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], types: Mapping[str, TypeEngine[Any]]
) -> Updating:
    """Return a statement for many rows, made of the values that each row has for itself."""
    value: ColumnElement[Any] = column("value", String())
    place = 0
    found: list[ColumnElement[Any]] = []
    for name, type_ in types.items():
        one = _at(value, place, type_)
        if isinstance(type_, LargeBinary):
            place += 1
            one = func.substr(bindparam(_BODIES, type_=LargeBinary()), one, _at(value, place, type_), type_=type_)
        place += 1
        found.append(one.label(name))
    rows = select(*found).select_from(func.json_each(bindparam(_ROWS)).table_valued(value))
    # The planner does not see through a limit: it takes each row and looks it up by the whole key. It would otherwise
    # look at all rows for each job of the namespace.
    given = rows.limit(literal_column("-1")).subquery()
    statement = make({"ns": bindparam("ns", type_=String()), **{name: given.c[name] for name in types}})
    return Updating(statement, tuple(types), tuple(isinstance(type_, LargeBinary) for type_ in types.values()))


def _at(value: ColumnElement[Any], place: int, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    return func.json_extract(value, f"$[{place}]", type_=type_)


def packed(each: Updating, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the parameters that have the rows in them."""
    # A part of nothing would be null, and not an empty one.
    bodies = [b"."]
    taken = 2
    columns: list[Sequence[Any]] = []
    for name, is_body in zip(each.names, each.bodies, strict=True):
        values = [row[name] for row in rows]
        columns.append(values)
        if not is_body:
            continue
        lengths = [None if value is None else len(value) for value in values]
        columns.append(lengths)
        for index, length in enumerate(lengths):
            if length is not None:
                bodies.append(values[index])
                values[index] = taken
                taken += length
    listed = list(zip(*columns, strict=True))
    return {_ROWS: msgspec.json.encode(listed).decode(), _BODIES: b"".join(bodies)}
