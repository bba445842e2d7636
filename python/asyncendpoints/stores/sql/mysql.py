"""MySQL 8 and MariaDB: their clock, their locks, how a list is handed over and a transaction begun and looked for."""

from __future__ import annotations

import hashlib
import ssl
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import URL, BigInteger, and_, bindparam, create_engine, event, text

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.sql import mysql_errors, mysql_rows
from asyncendpoints.stores.sql.dialect import Begun, Overtaken
from asyncendpoints.stores.sql.pools import with_own_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table
    from sqlalchemy.types import TypeEngine

    from asyncendpoints.stores.sql.dialect import Each, Notice, Singly, Trouble, Until
    from asyncendpoints.stores.sql.mysql_url import MysqlAddress

KEPT_MS: Final = 24 * 60 * 60 * 1_000
"""How long the mark of a connection that has gone is kept."""
_NOW: Final = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
_LINE: Final = "asyncendpoints_line"
_MARK: Final = "asyncendpoints_mark"
_WROTE: Final = "asyncendpoints_wrote"
_CHANGES_TABLES: Final = "asyncendpoints_changes_tables"
_TURNS: Final = "asyncendpoints_turns"
"""What a connection's information says."""
_WRITES: Final = ("INSERT", "UPDATE", "DELETE")


class Mysql:
    """MySQL or MariaDB, through an asynchronous driver.

    Each connection that writes has a row of its own, which the transactions that have written something number as
    their last act. The number says whether a commit that was not answered has been done, and whoever asks waits for
    the row until the transaction has ended.

    Args:
        address: Where the server is, and how to use it.
        marks: The name of the table with those rows.
        given: The user's own engine, whose connections are made as its are.
    """

    name = "mysql"
    # A row whose key is there already is an error here, because IGNORE would hide other errors with it.
    looks_first = True
    locks = True
    has_index_of_waiting = False
    claims_in_one = False
    announces = False
    singly: Singly | None = None
    # Of the statement's begin. The session's time zone is UTC, so that no hour comes twice.
    clock: Executable = text(f"SELECT {_NOW}")

    def __init__(self, address: MysqlAddress, marks: str, given: Engine | None = None) -> None:
        self._address = address
        self._given = given
        # The name holds letters, digits and underscores only.
        self._renumber = f"UPDATE {marks} SET number = %s, marked_at = {_NOW} WHERE line = %s"  # noqa: S608
        self._first = f"INSERT INTO {marks} (line, number, marked_at) VALUES (%s, %s, {_NOW})"  # noqa: S608
        self._old = f"SELECT line FROM {marks} WHERE marked_at < {_NOW} - {KEPT_MS} LIMIT 100"  # noqa: S608
        self._forget = f"DELETE FROM {marks} WHERE line = %s"  # noqa: S608
        self._last = f"SELECT number FROM {marks} WHERE line = %s FOR UPDATE"  # noqa: S608
        self.address = str(address)
        self.patience = address.timeout + address.connect_timeout
        self.durability = (
            "Jobs are committed before they are accepted; what a crash of its machine leaves of them is decided by "
            "the server's innodb_flush_log_at_trx_commit (1, its default: all)."
        )
        self._rows = mysql_rows.RowStatements()

    # Engines.

    def engine(self, *, writes: bool) -> Engine:
        """Make an engine with one connection at most. Nothing is opened before the first use."""
        # What reads needs no transaction: each of its statements sees what was committed before it.
        level = "READ COMMITTED" if writes else "AUTOCOMMIT"
        if self._given is not None:
            engine = with_own_pool(self._given).execution_options(isolation_level=level)
        else:
            engine = self._engine(level)
        self._listen_to(engine, writes=writes)
        return engine

    def _engine(self, level: Literal["READ COMMITTED", "AUTOCOMMIT"]) -> Engine:
        address = self._address
        arguments: dict[str, Any] = {"connect_timeout": address.connect_timeout, "charset": "utf8mb4"}
        if address.driver == "asyncmy":
            # Longer than a lock may be waited for. The other driver waits for an answer until the connection ends.
            arguments["read_timeout"] = address.timeout
        if address.unix_socket is not None:
            arguments["unix_socket"] = address.unix_socket
        if address.ssl:
            arguments["ssl"] = ssl.create_default_context(cafile=address.ssl_ca)
        url = URL.create(
            f"mysql+{address.driver}",
            username=address.user or None,
            password=address.password or None,
            host=address.host,
            port=address.port,
            database=address.database,
        )
        # Whatever is given back has been committed or rolled back: no further way to the server for that.
        engine = create_engine(
            url,
            connect_args=arguments,
            isolation_level=level,
            pool_size=1,
            max_overflow=0,
            pool_reset_on_return=None,
            hide_parameters=True,
        )
        if level == "AUTOCOMMIT":
            # Nor is there anything to commit, for which SQLAlchemy would ask the server after each look.
            engine.dialect.do_commit = engine.dialect.do_rollback = _do_nothing
        return engine

    def _listen_to(self, engine: Engine, *, writes: bool) -> None:
        seconds = max(int(self._address.timeout / 2), 1)
        # Whatever the server is set up for.
        settings = (
            "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
            f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}",
            f"SET SESSION TRANSACTION {'READ WRITE' if writes else 'READ ONLY'}",
        )

        def connected(connection: Any, record: Any) -> None:
            cursor = connection.cursor()
            try:
                for setting in settings:
                    cursor.execute(setting)
                cursor.execute("SELECT @@max_allowed_packet")
                (record.info[mysql_rows.PACKET],) = cursor.fetchone()
            finally:
                cursor.close()
            record.info[_LINE] = uuid.uuid4().hex
            record.info[_MARK] = 0

        def executing(
            connection: Connection, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool
        ) -> None:
            if statement.startswith(_WRITES):
                connection.info[_WROTE] = True
                mysql_rows.refuse_what_is_too_large(connection, values)

        event.listen(engine, "connect", connected)
        event.listen(engine, "before_cursor_execute", executing)
        event.listen(engine, "commit", self._mark)
        event.listen(engine, "checkin", _end_turns)

    # How a statement says that it concerns many.

    def among(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Return that a row is of this namespace, and the column's value in the list of this parameter."""
        # MariaDB 10 looks at every row of a table where an UPDATE or DELETE has a subquery here, of JSON_TABLE or not.
        return and_(column.table.c.namespace == bindparam("ns"), column.in_(bindparam(name, expanding=True)))

    def pack(self, values: Sequence[str]) -> Sequence[str]:
        """Return a list as the parameter that `among` compares with: in the order in which rows are locked."""
        return sorted(set(values))

    def each(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return a statement for many rows, made of the values that each row has for itself."""
        return mysql_rows.updating(make, types)

    def each_at(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return the same for a statement that is also made of the time."""
        return self.each(lambda row: make({**row, "now": bindparam("now", type_=BigInteger())}), **types)

    def adding(self, table: Table, names: Sequence[str]) -> Each:
        """Return the statement that adds rows. Where somebody else has just added one of them, all is undone."""
        return mysql_rows.adding(table, names)

    def run_each(self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Any) -> int:
        """Execute a statement for rows of values, and return how many rows of the table it has found."""
        return self._rows.run(connection, each, rows, same)

    # Transactions.

    def begin(self, connection: Connection) -> Begun:
        """Return by what the transaction is found again. Nothing is asked of the server."""
        info = connection.info
        info[_WROTE] = info[_CHANGES_TABLES] = False
        info[_MARK] += 1
        return Begun(token=f"{info[_LINE]} {info[_MARK]}")

    def _mark(self, connection: Connection) -> None:
        """Number the transaction, before it is committed, if it has written anything."""
        info = connection.info
        if not info.get(_WROTE) or info.get(_CHANGES_TABLES):
            return
        number, line = info[_MARK], info[_LINE]
        if connection.exec_driver_sql(self._renumber, (number, line)).rowcount:
            return
        connection.exec_driver_sql(self._first, (line, number))
        for (old,) in connection.exec_driver_sql(self._old).all():
            connection.exec_driver_sql(self._forget, (old,))

    def is_committed(self, connection: Connection, token: str) -> bool | None:
        """Tell whether the transaction was committed, once it has ended."""
        line, _, number = token.partition(" ")
        return connection.exec_driver_sql(self._last, (line,)).scalar_one_or_none() == int(number)

    def turn(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction that has asked for this turn is under way; the turn ends with this one.

        Raises:
            Overtaken: The others took too long.
        """
        # Such locks are the server's, not the database's, and their names are short.
        short = hashlib.sha256(f"{self._address.database} {name}".encode()).hexdigest()[:60]
        seconds = max(int(self._address.timeout / 2), 1)
        # Kept even where the connection is lost before the answer: then the lock goes with it.
        connection.info[_TURNS] = True
        if connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (short, seconds)).scalar_one() != 1:
            raise Overtaken

    @contextmanager
    def alone(self, connection: Connection, name: str) -> Generator[None]:
        """Wait until nobody else does what is done under this name, on whichever connection.

        Raises:
            Overtaken: The others took too long.
        """
        self.turn(connection, name)
        yield

    def restructure(self, connection: Connection) -> None:
        """Number this transaction no more: its changes are committed one by one, and the table for numbers may go."""
        connection.info[_CHANGES_TABLES] = True

    def announce(self, connection: Connection, namespace: str, notice: Notice) -> None:
        """Do nothing: processes look."""

    def listen(self, connection: Connection, namespace: str, hear: Callable[[Notice], None], until: Until) -> None:
        """Hear nothing: processes look."""

    # Errors.

    def trouble(self, error: Exception) -> Trouble:
        """Return what an error says of doing the same again."""
        return mysql_errors.trouble(error)

    def explain(self, error: Exception) -> StoreUnavailable:
        """Return in a sentence why the database did not do its work."""
        return StoreUnavailable(f"the database {self.address} could not be used: {mysql_errors.sentence(error)}")


def _do_nothing(dbapi_connection: object) -> None:
    """Commit or roll back where each statement is a transaction of its own."""
    del dbapi_connection


def _end_turns(connection: Any, record: Any) -> None:
    """Give back what a transaction had its turn for; it has ended, or its connection has."""
    if connection is None or not record.info.pop(_TURNS, False):
        return
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT RELEASE_ALL_LOCKS()")
        cursor.fetchall()
    finally:
        cursor.close()
