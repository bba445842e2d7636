"""What differs between databases: the clock, how a list is handed over and a transaction begun, what errors mean."""

from __future__ import annotations

import json
import sqlite3
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Insert, bindparam, create_engine, event, func, select, text
from sqlalchemy.pool import QueuePool

from asyncendpoints.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ClauseElement, ColumnElement, Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.elements import TextClause

    from asyncendpoints.stores.sql.url import SqliteAddress

CACHE_KIB: Final = 32 * 1024
"""How much of the file a connection that writes keeps in memory: SQLite's own 2 MiB hold some thousand jobs."""
RETRY: Final = 0.01
"""Seconds between two attempts where SQLite does not wait by itself."""
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: "there is no room left on the disk",
    sqlite3.SQLITE_READONLY: "the file or its directory may not be written",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; does its directory exist, and may it be written?",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write",
    sqlite3.SQLITE_PERM: "the file may not be used by this user",
}


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Let readers read while somebody writes.

    Processes that change the mode of a new file at the same time get in each other's way at once, whatever the
    connection's timeout, so it is applied here.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(RETRY)
        else:
            return


class Sqlite:
    """SQLite, through the driver of the standard library.

    Args:
        address: Where the file is, and how to use it.
    """

    name = "sqlite"
    # strftime, because unixepoch with fractions of a second is new in SQLite 3.42.
    clock: Final[TextClause] = text(
        "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)"
    )

    def __init__(self, address: SqliteAddress) -> None:
        self._address = address
        self._compiled: dict[ClauseElement, tuple[str, Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = {}

    def among(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Return that the column's value is in the list of this parameter: one parameter, however long the list."""
        listed = func.json_each(bindparam(name)).table_valued("value")
        return column.in_(select(listed.c.value))

    def pack(self, values: Sequence[str]) -> str:
        """Return a list as the parameter that `among` compares with."""
        return json.dumps(values)

    def run_each(self, connection: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute a statement once for each row of values.

        The driver takes the values as they are, so they are handed to it as they are: all that is done for each value
        in between costs twice what SQLite does with it.
        """
        found = self._compiled.get(statement)
        if found is None:
            compiled = statement.compile(
                dialect=connection.dialect, column_keys=list(rows[0]) if isinstance(statement, Insert) else None
            )
            names = cast("SQLCompiler", compiled).positiontup or []
            given = {name: value for name, value in (compiled.params or {}).items() if name not in rows[0]}
            found = self._compiled[statement] = (str(compiled), itemgetter(*names), given)
        sql, values_of, given = found
        connection.exec_driver_sql(sql, [values_of({**given, **row}) for row in rows])

    def engine(self, *, writes: bool) -> Engine:
        """Make an engine whose transactions write, from their first statement on, or only read.

        Nothing is opened before the first connection.
        """
        address = self._address
        engine = create_engine(
            "sqlite+pysqlite://",
            # With isolation_level None the driver begins nothing by itself. Every connection has one thread at a time.
            creator=lambda: sqlite3.connect(
                address.path, timeout=address.timeout, isolation_level=None, check_same_thread=False
            ),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
        )
        # What writes takes its turn at the start: a reader that becomes a writer later may find that it cannot.
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

        def connected(connection: sqlite3.Connection, _record: object) -> None:
            if writes:
                _use_wal(connection, address.timeout)
                connection.execute(f"PRAGMA synchronous = {address.synchronous}")
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            else:
                connection.execute("PRAGMA query_only = ON")

        def began(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine, "connect", connected)
        event.listen(engine, "begin", began)
        return engine

    def explain(self, error: SQLAlchemyError | sqlite3.Error) -> StoreUnavailable:
        """Return in a sentence why the database did not do its work."""
        cause: Any = getattr(error, "orig", None) or error
        code = getattr(cause, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in BUSY:
            why = f"another process has been writing to it for more than {self._address.timeout:g} s"
        else:
            why = _SENTENCES.get(primary or 0, str(cause))
        return StoreUnavailable(f"the database {self._address} could not be used: {why}")
