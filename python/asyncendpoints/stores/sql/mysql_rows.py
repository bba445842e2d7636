"""How MySQL and MariaDB execute one statement for many rows: with one statement, which has the rows in it.

Both drivers put the values into the text of a statement, so that a thousand rows are one way to the server and back
instead of a thousand. Neither server can return what an UPDATE has written, so nothing here asks for that.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import bindparam, column, insert, table
from sqlalchemy.dialects import mysql

from asyncendpoints.errors import StoreRefused
from asyncendpoints.stores.sql.dialect import Each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect, Executable, Table
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

MOST_ROWS: Final = 250
"""How many rows one statement has: more make none of them cheaper."""
FEW_ROWS: Final = 3
"""So many are updated faster one after the other than by a statement that has them in it."""
ROOM: Final = 256 * 1024
"""Bytes that a statement has besides its large values, at most."""
PACKET: Final = "max_allowed_packet"
"""Where a connection's information says how many bytes the server takes in one statement."""
_GIVEN: Final = "given_rows"
_ESCAPED: Final = tuple(b"\\'\"\0\n\r\x1a")
_LARGE: Final = 128
"""Characters or bytes of a value; what is smaller is not counted."""


@dataclass(frozen=True, slots=True)
class _Updating(Each):
    """An update of the rows of a table that others are joined to, and the same for one row."""

    alone: Executable


def updating(
    make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], types: Mapping[str, TypeEngine[Any]]
) -> Each:
    """Return a statement for many rows, made of the values that each row has for itself."""
    given = table(_GIVEN, *(column(name, type_) for name, type_ in types.items()))
    here: dict[str, ColumnElement[Any]] = {"ns": bindparam("ns")}
    alone = make(here | {name: bindparam(name, type_=type_) for name, type_ in types.items()})
    return _Updating(make(here | {name: given.c[name] for name in types}), tuple(types), alone)


def adding(into: Table, names: Sequence[str]) -> Each:
    """Return the statement that adds rows.

    A row whose key is there already is an error, of which all is undone, unless the row is all key, and so the same.
    """
    if {*names} != {*into.primary_key.columns.keys()}:
        return Each(insert(into), tuple(names))
    # Not IGNORE, which would hide all other errors.
    key = into.c[names[0]]
    return Each(mysql.insert(into).on_duplicate_key_update({key.name: key}), tuple(names))


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as the driver takes it: a part before the rows, and one after them."""

    before: str
    names_before: tuple[str, ...]
    after: str
    names_after: tuple[str, ...]
    own: Mapping[str, Any]
    """What the statement itself has for values."""


class RowStatements:
    """Executes statements for rows, each compiled once."""

    def __init__(self) -> None:
        self._texts: dict[int, _Text] = {}

    def run(
        self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]
    ) -> int:
        """Execute a statement for rows, and return how many rows of the table it has found."""
        if not isinstance(each, _Updating):
            return self._add(connection, each, rows)
        if len(rows) <= FEW_ROWS:
            return sum(connection.execute(each.alone, {**same, **row}).rowcount for row in rows)
        return self._update(connection, each, rows, same)

    def _update(
        self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]
    ) -> int:
        text = self._texts.get(id(each)) or self._read(connection, each)
        # Rows are locked in the order in which they are given: the same for everybody.
        rows = sorted(rows, key=itemgetter(each.names[0]))
        values = {**text.own, **same}
        before = [values[name] for name in text.names_before]
        after = [values[name] for name in text.names_after]
        first = "SELECT " + ", ".join(f"%s AS `{name}`" for name in each.names)
        further = " UNION ALL SELECT " + ", ".join(["%s"] * len(each.names))
        found = 0
        for part in _parts(connection, [[row[name] for name in each.names] for row in rows]):
            given = f"({first}{further * (len(part) - 1)}) AS {_GIVEN}"
            flat = [value for row in part for value in row]
            found += connection.exec_driver_sql(f"{text.before}{given}{text.after}", (*before, *flat, *after)).rowcount
        return found

    def _add(self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]]) -> int:
        text = self._texts.get(id(each)) or self._read(connection, each)
        names = text.names_after
        row_of, closed, end = text.after.partition(")")
        added = 0
        for part in _parts(connection, [[row[name] for name in names] for row in rows]):
            values = ", ".join([row_of + closed] * len(part))
            flat = tuple(value for row in part for value in row)
            added += connection.exec_driver_sql(f"{text.before}{values}{end}", flat).rowcount
        return added

    def _read(self, connection: Connection, each: Each) -> _Text:
        is_update = isinstance(each, _Updating)
        compiled = cast("Any", each.statement).compile(
            dialect=_by_position(connection.dialect), column_keys=None if is_update else each.names
        )
        names = tuple(cast("SQLCompiler", compiled).positiontup or ())
        before, split, after = str(compiled).partition(_GIVEN if is_update else "VALUES ")
        if not is_update:
            before += split
        # What is before the rows has its values first.
        count = before.count("%s")
        text = _Text(before, names[:count], after, names[count:], dict(compiled.params or {}))
        self._texts[id(each)] = text
        return text


def _by_position(dialect: Dialect) -> Dialect:
    """Return the dialect with values by position, which every driver takes, also one that prefers them by name."""
    by_position = copy(dialect)
    by_position.paramstyle = "format"
    by_position.positional = True
    return by_position


def _parts(connection: Connection, rows: Sequence[list[Any]]) -> Iterator[Sequence[list[Any]]]:
    """Return rows in parts that fit into one statement each.

    Raises:
        StoreRefused: One alone fits into none.
    """
    most = _most(connection)
    part: list[list[Any]] = []
    size = 0
    for row in rows:
        large = sum(_size_of(value) for value in row)
        if large > most:
            raise _too_large(connection)
        if part and (size + large > most or len(part) == MOST_ROWS):
            yield part
            part, size = [], 0
        part.append(row)
        size += large
    if part:
        yield part


def _most(connection: Connection) -> int:
    """Return how many bytes the large values of one statement may have."""
    packet: int = connection.info[PACKET]
    return max(packet - ROOM, packet // 2)


def _size_of(value: Any) -> int:
    """Return how many bytes a large value has in a statement, and 0 for a small one."""
    if not isinstance(value, bytes | str) or len(value) < _LARGE:
        return 0
    encoded = value if isinstance(value, bytes) else value.encode()
    return len(encoded) + sum(encoded.count(byte) for byte in _ESCAPED)


def refuse_what_is_too_large(connection: Connection, values: Any) -> None:
    """Refuse values of a single statement that are more than the server takes.

    Raises:
        StoreRefused: They are.
    """
    if isinstance(values, dict):
        values = cast("dict[str, Any]", values).values()
    if sum(_size_of(value) for value in values or ()) > _most(connection):
        raise _too_large(connection)


def _too_large(connection: Connection) -> StoreRefused:
    return StoreRefused(
        f"a job's data are more than the server takes in a statement: its {PACKET} is {connection.info[PACKET]:,}"
    )
