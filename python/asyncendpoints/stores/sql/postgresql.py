"""PostgreSQL: its clock, how lists and rows are handed over, what a transaction begins with, and its errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import URL, String, create_engine, event, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.sql.dialect import Begun
from asyncendpoints.stores.sql.pools import with_own_pool
from asyncendpoints.stores.sql.postgresql_arrays import each_array, given
from asyncendpoints.stores.sql.postgresql_errors import code_of, sentence_for, trouble_of
from asyncendpoints.stores.sql.postgresql_notices import Notices
from asyncendpoints.stores.sql.postgresql_singly import MOMENT, NOW, SERVED_BY, PostgresqlSingly, remember
from asyncendpoints.stores.sql.tables import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table
    from sqlalchemy.pool import ConnectionPoolEntry
    from sqlalchemy.types import TypeEngine

    from asyncendpoints.stores.sql.dialect import Each, Notice, Singly, Trouble, Until
    from asyncendpoints.stores.sql.postgresql_arrays import EachArray
    from asyncendpoints.stores.sql.postgresql_url import PostgresqlAddress

_begin: Final = f"SELECT CAST(pg_current_xact_id() AS text), {NOW}"
_status: Final = text(
    "SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8)),"
    " extract(epoch FROM greatest(pg_postmaster_start_time(), checkpoint_time)) * 1000,"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = lpad(upper(to_hex(timeline_id)), 8, '0')"
    " FROM pg_control_checkpoint()"
)
_CHECKPOINT: Final = 1_000
"""In how many milliseconds the server counts the time of a checkpoint."""
_turn: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_IN_FUTURE: Final = "22023"

PLANS: Final = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit")
"""What no statement of a store's is ever done by: each follows an index, in its order, and stops at its limit."""

PLANS_LAST: Final = 1.0
"""Seconds after which a plan is made again: one from when the tables were empty serves badly when they have filled."""


class Postgresql:
    """PostgreSQL from version 13 on, through asyncpg or psycopg 3.

    Args:
        address: Where the database is, and how to use it.
        place: Names the tables, for announcements about them.
        given: The user's own engine, whose connections are made as its are.
    """

    name = "postgresql"
    durability = (
        "Jobs are in a database and survive every end of the process, and of its server as far as the server's "
        "synchronous_commit says."
    )
    looks_first = False
    locks = True
    has_index_of_waiting = True
    claims_in_one = True
    announces = True
    singly: Singly | None = PostgresqlSingly()
    clock: Executable = text(f"SELECT {NOW}")

    def __init__(self, address: PostgresqlAddress, place: str, given: Engine | None = None) -> None:
        self._address = address
        self._given = given
        self._notices = Notices(place)
        self.address = str(address)
        self.patience = address.connect_timeout

    # Engines.

    def engine(self, *, writes: bool) -> Engine:
        """Make an engine with one connection at most. Nothing is opened before the first use."""
        engine = self._engine() if self._given is None else with_own_pool(self._given)
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "checkout", _plan_anew)
        # What reads needs no transaction: each of its statements sees what was committed before it.
        return engine if writes else engine.execution_options(isolation_level="AUTOCOMMIT")

    def _engine(self) -> Engine:
        address = self._address
        url = URL.create(
            f"postgresql+{address.driver}",
            username=address.user,
            password=address.password,
            host=None if address.host.startswith("/") else address.host,
            port=address.port,
            database=address.database,
        )
        arguments: dict[str, Any] = {"host": address.host}
        if address.driver == "asyncpg":
            # The server ends a statement first; where nothing answers any more, the driver does.
            arguments |= {"timeout": address.connect_timeout, "command_timeout": address.timeout + 1.0}
            if address.tls:
                arguments["dsn"] = str(URL.create("postgresql", query=dict(address.tls)))
        else:
            arguments |= {"connect_timeout": max(round(address.connect_timeout), 2), "prepare_threshold": 2}
            arguments |= {"tcp_user_timeout": round(address.timeout * 1000) + 1000, **dict(address.tls)}
        return create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0, hide_parameters=True)

    def _connected(self, connection: Any, record: ConnectionPoolEntry) -> None:
        values = {
            **dict.fromkeys(PLANS, "off"),
            # A plan for the values at hand would be the same one, and cost a tenth of the server's time.
            "plan_cache_mode": "force_generic_plan",
            "statement_timeout": str(round(self._address.timeout * 1000)),
            # A process that is stopped in the middle of a transaction keeps its locks no longer than this.
            "idle_in_transaction_session_timeout": str(round(self._address.timeout * 1000)),
        }
        cursor = connection.cursor()
        cursor.execute(
            f"SELECT {SERVED_BY}, "
            + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in values.items())
        )
        remember(record.info, cursor.fetchone()[0])
        cursor.close()
        connection.commit()

    # How a statement says that it concerns many.

    def among(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Return that a row is of this namespace, and the column's value in the list of this parameter.

        It is one parameter, however long the list.
        """
        row = given({"id": String()}, {"id": name})
        return tuple_(column.table.c.namespace, column).in_(select(row["ns"], row["id"]))

    def pack(self, values: Sequence[str]) -> list[str]:
        """Return a list as the parameter that `among` compares with."""
        return list(values)

    def each(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return one statement about all rows, each of whose values is an array."""
        return each_array(make, types)

    def each_at(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return the same for a statement that is also made of the time; null is the database's own."""
        return each_array(make, types, now=MOMENT)

    def adding(self, table: Table, names: Sequence[str]) -> Each:
        """Return the statement that adds rows with values in these columns, but none whose keys are there already."""
        # The last column of the key is what rows have not in common.
        *_, last = (key.name for key in table.primary_key)
        types = {name: plain(table.c[name].type) for name in (last, *names)}

        def make(row: Mapping[str, ColumnElement[Any]]) -> Executable:
            rows = select(*(row[name] for name in names))
            return insert(table).from_select(list(names), rows).on_conflict_do_nothing()

        return each_array(make, types)

    def run_each(self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Any) -> int:
        """Execute a statement about all rows."""
        return cast("EachArray", each).run(connection, rows, same).rowcount

    # Transactions.

    def begin(self, connection: Connection) -> Begun:
        """Return the time, and the number by which the transaction is known to the server."""
        number, now = connection.exec_driver_sql(_begin).one()
        return Begun(now=now, token=f"{number} {now}")

    def is_committed(self, connection: Connection, token: str) -> bool | None:
        """Tell whether the transaction is known to be committed; None where the server is still at it.

        A server that has crashed, or has just taken over, gives the numbers of transactions that it knows nothing of to
        others. Such an end of recovery is a checkpoint, so a number is trusted only where none has begun since. After a
        promotion it comes only later: until then the last one is of another timeline. What is not known is done again:
        the ids and nonces of what is written keep that from being done twice.
        """
        number, _, begun_at = token.partition(" ")
        try:
            status, renewed_at, is_settled = connection.execute(_status, {"number": number}).one()
        except DBAPIError as error:
            # A standby that has taken over may never have heard of it.
            if code_of(error) == _IN_FUTURE:
                return False
            raise
        if status == "in progress":
            return None
        return status == "committed" and is_settled and renewed_at + _CHECKPOINT <= int(begun_at)

    def turn(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction that has asked for this turn is under way; the turn ends with this one."""
        connection.execute(_turn, {"name": name})

    def restructure(self, connection: Connection) -> None:
        """Do nothing: it is a transaction like any other."""

    def announce(self, connection: Connection, namespace: str, notice: Notice) -> None:
        """Tell other processes, after the commit.

        Told within a transaction, all commits that tell would be done one after the other, each with its write to the
        disk.
        """
        self._notices.announce(connection.execution_options(isolation_level="AUTOCOMMIT"), namespace, notice)

    def listen(self, connection: Connection, namespace: str, hear: Callable[[Notice], None], until: Until) -> None:
        """Hear what other processes announce, until told to stop or the connection is lost, which raises."""
        self._notices.listen(connection, namespace, hear, until)

    # Errors.

    def trouble(self, error: Exception) -> Trouble:
        """Return what an error says of doing the same again."""
        return trouble_of(error)

    def explain(self, error: Exception) -> StoreUnavailable:
        """Return in a sentence why the database did not do its work."""
        return StoreUnavailable(f"PostgreSQL at {self.address} could not be used: {sentence_for(error)}")


def _plan_anew(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Let plans be made again that are older than a second or so."""
    now = time.monotonic()
    if now - record.info.setdefault("planned", now) < PLANS_LAST:
        return
    record.info["planned"] = now
    cursor = connection.cursor()
    cursor.execute("DISCARD PLANS")
    cursor.close()
    connection.commit()
