"""SQLite: its clock, how a list is handed over and a transaction begun, what its errors mean."""

from __future__ import annotations

import json
import sqlite3
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import BigInteger, Insert, and_, bindparam, create_engine, event, func, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.sql.dialect import Begun, Each, Overtaken, Trouble
from asyncendpoints.stores.sql.pools import with_own_pool
from asyncendpoints.stores.sql.sqlite_rows import Updating, packed, updating

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

    from asyncendpoints.stores.sql.dialect import Notice, Singly, Until
    from asyncendpoints.stores.sql.sqlite_url import SqliteAddress

CACHE_KIB: Final = 32 * 1024
"""How much of the file a connection that writes keeps in memory: SQLite's own 2 MiB hold some thousand jobs."""
RETRY: Final = 0.01
"""Seconds between two attempts where SQLite does not wait by itself."""
BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# strftime, because unixepoch with fractions of a second is new in SQLite 3.42.
_NOW: Final = "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)"
_DURABILITY: Final = {
    "NORMAL": "Jobs are in a file and survive every end of the process; a crash of the machine may lose the last ones.",
    "FULL": "Jobs are written through to the disk before they are accepted.",
}
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


def _driver(connection: Connection) -> Any:
    """Return the driver's own connection: what begins every transaction is worth a short way."""
    return connection.connection.driver_connection


class Sqlite:
    """SQLite, through the driver of the standard library.

    Args:
        address: Where the file is, and how to use it.
        given: The user's own engine, whose connections are made as its are.
    """

    name = "sqlite"
    looks_first = False
    locks = False
    has_index_of_waiting = False
    claims_in_one = False
    announces = False
    singly: Singly | None = None
    patience = 0.0
    clock: Executable = text(_NOW)

    def __init__(self, address: SqliteAddress, given: Engine | None = None) -> None:
        self._address = address
        self._given = given
        self.address = str(address)
        self.durability = _DURABILITY[address.synchronous]
        self._compiled: dict[int, tuple[str, Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = {}

    def among(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Return that a row is of this namespace, and the column's value in the list of this parameter.

        It is one parameter, however long the list.
        """
        listed = func.json_each(bindparam(name)).table_valued("value")
        return and_(column.table.c.namespace == bindparam("ns"), column.in_(select(listed.c.value)))

    def pack(self, values: Sequence[str]) -> str:
        """Return a list as the parameter that `among` compares with."""
        return json.dumps(values)

    def each(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return one statement about all rows."""
        return updating(make, types)

    def each_at(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return the same for a statement that is also made of the time."""
        return self.each(lambda row: make({**row, "now": bindparam("now", type_=BigInteger())}), **types)

    def adding(self, table: Table, names: Sequence[str]) -> Each:
        """Return the statement that adds rows with values in these columns, but none whose keys are there already."""
        return Each(insert(table).on_conflict_do_nothing(), tuple(names))

    def run_each(self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Any) -> int:
        """Execute a statement for rows of values.

        The driver takes the values as they are, so they are handed to it as they are: all that is done for each value
        in between costs twice what SQLite does with it.
        """
        found = self._compiled.get(id(each))
        if found is None:
            statement: Any = each.statement
            compiled = cast(
                "SQLCompiler",
                statement.compile(
                    dialect=connection.dialect, column_keys=each.names if isinstance(statement, Insert) else None
                ),
            )
            names = compiled.positiontup or []
            given = {name: value for name, value in compiled.params.items() if name not in each.names}
            found = self._compiled[id(each)] = (str(compiled), itemgetter(*names), given)
        sql, values_of, given = found
        given = {**given, **same}
        if isinstance(each, Updating):
            return connection.exec_driver_sql(sql, values_of({**given, **packed(each, rows)})).rowcount
        return connection.exec_driver_sql(sql, list(map(values_of, rows))).rowcount

    def begin(self, connection: Connection) -> Begun:
        """Return the time; the transaction has its turn to write already."""
        return Begun(now=_driver(connection).execute(_NOW).fetchone()[0])

    def is_committed(self, connection: Connection, token: str) -> bool:
        """Say no: a commit to a file is always answered."""
        return False

    def turn(self, connection: Connection, name: str) -> None:
        """Do nothing: one transaction writes at a time."""

    def restructure(self, connection: Connection) -> None:
        """Do nothing: it is a transaction like any other."""

    def announce(self, connection: Connection, namespace: str, notice: Notice) -> None:
        """Do nothing: processes look."""

    def listen(self, connection: Connection, namespace: str, hear: Callable[[Notice], None], until: Until) -> None:
        """Hear nothing: processes look."""

    def engine(self, *, writes: bool) -> Engine:
        """Make an engine whose transactions write, from their first statement on, or only read.

        Nothing is opened before the first connection.
        """
        address = self._address
        if self._given is None:
            engine = create_engine(
                "sqlite+pysqlite://",
                # Every connection has one thread at a time.
                creator=lambda: sqlite3.connect(address.path, timeout=address.timeout, check_same_thread=False),
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=0,
            )
        else:
            engine = with_own_pool(self._given)
        # What writes takes its turn at the start: a reader that becomes a writer later may find that it cannot.
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

        def connected(connection: sqlite3.Connection, _record: object) -> None:
            # The driver begins nothing by itself.
            connection.isolation_level = None
            if writes:
                _use_wal(connection, address.timeout)
                connection.execute(f"PRAGMA synchronous = {address.synchronous}")
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            else:
                connection.execute("PRAGMA query_only = ON")

        def began(connection: Connection) -> None:
            _driver(connection).execute(begin)

        event.listen(engine, "connect", connected)
        event.listen(engine, "begin", began)
        return engine

    def trouble(self, error: Exception) -> Trouble:
        """Return what an error says of doing the same again."""
        if isinstance(error, Overtaken):
            return Trouble.CONFLICT
        is_ours = type(error) is DatabaseError or isinstance(
            error, OperationalError | InternalError | PoolTimeout | sqlite3.Error
        )
        return Trouble.DATABASE if is_ours else Trouble.CALL

    def explain(self, error: Exception) -> StoreUnavailable:
        """Return in a sentence why the database did not do its work."""
        cause: Any = getattr(error, "orig", None) or error
        code = getattr(cause, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
            why = (
                "the transaction has read what somebody else has changed since, and can no longer write; roll back, "
                "and begin again with a write or a submission"
            )
        elif primary in BUSY:
            why = (
                f"another process has been writing to it for more than {self._address.timeout:g} s, or a transaction "
                "that is still open in this one: commit it first"
            )
        else:
            why = _SENTENCES.get(primary or 0, str(cause))
        return StoreUnavailable(f"the database {self._address} could not be used: {why}")
