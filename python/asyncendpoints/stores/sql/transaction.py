"""One transaction: its connection, its time, and what is to be told once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asyncendpoints.stores.sql.dialect import Begun, Notice, Overtaken
from asyncendpoints.stores.sql.rows import job_of
from asyncendpoints.stores.sql.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, CursorResult, Executable, Row, RowMapping

    from asyncendpoints.job import Job
    from asyncendpoints.stores.sql.dialect import Dialect, Each
    from asyncendpoints.stores.sql.tables import Tables


@dataclass(slots=True)
class News:
    """What has happened in a transaction that somebody may wait for."""

    queues: set[str] = field(default_factory=set[str])
    """Where something is claimable, or due earlier than before."""
    changed: list[str] = field(default_factory=list[str])
    """Jobs that are new, changed, or gone."""
    cancels: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """`(worker, job_id, fence)` of runs whose cancellation was asked for."""

    def notice(self) -> Notice | None:
        """Return what other processes want to hear of it, if anything."""
        if not (self.queues or self.cancels):
            return None
        return Notice(queues=tuple(sorted(self.queues)), cancels=tuple(self.cancels))


class Ground:
    """What all transactions of a store stand on.

    Args:
        dialect: The database's.
        tables: The store's.
        namespace: Separates applications.
    """

    def __init__(self, dialect: Dialect, tables: Tables, namespace: str) -> None:
        self.dialect = dialect
        self.tables = tables
        self.namespace = namespace
        self.statements = Statements(tables, dialect)


class Transaction:
    """One transaction of one namespace.

    Args:
        connection: In a transaction.
        ground: What it stands on.
        begun: What is known of it already.
        repeats: Whether the same may have been done before, by a statement that nobody answered.
    """

    def __init__(
        self, connection: Connection, ground: Ground, begun: Begun | None = None, *, repeats: bool = False
    ) -> None:
        self._connection = connection
        self._ground = ground
        self._clock = None if begun is None else begun.now
        self.dialect = ground.dialect
        self.tables = ground.tables
        self.statements = ground.statements
        self.namespace = ground.namespace
        """The namespace that every statement concerns."""
        self.repeats = repeats
        """Whether the same may have been done before, by a statement that nobody answered."""
        self.news = News()

    @property
    def connection(self) -> Connection:
        """The connection, for what concerns no namespace."""
        return self._connection

    def time(self, now: int | None) -> int:
        """Return `now`, or the time by the database's clock, which stands still in a transaction (CLK-1)."""
        if now is not None:
            return now
        if self._clock is None:
            self._clock = int(self._connection.execute(self.dialect.clock).scalar_one())
        return self._clock

    def turn(self, name: str) -> None:
        """Do what follows in no two transactions of this namespace at the same time."""
        self.dialect.turn(self._connection, f"{self.tables.prefix}{self.namespace} {name}")

    def run(self, statement: Executable, **values: Any) -> CursorResult[Any]:
        """Execute a statement."""
        return self._connection.execute(statement, {"ns": self.namespace, **values})

    def move(self, statement: Executable, **values: Any) -> None:
        """Execute a statement about a row that this transaction has locked, or has the only turn to write.

        Raises:
            Overtaken: The row is not as it was read.
        """
        if self.run(statement, **values).rowcount != 1:
            raise Overtaken

    def run_each(self, each: Each, rows: Sequence[Mapping[str, Any]], **same: Any) -> int:
        """Execute a statement for rows of values, in one go; return how many rows were written."""
        if not rows:
            return 0
        return self.dialect.run_each(self._connection, each, rows, {"ns": self.namespace, **same})

    def move_each(self, each: Each, rows: Sequence[Mapping[str, Any]], **same: Any) -> None:
        """Execute a statement about rows that this transaction has locked, or has the only turn to write.

        Raises:
            Overtaken: One of them is not as it was read.
        """
        if self.run_each(each, rows, **same) != len(rows):
            raise Overtaken

    def rows(self, statement: Executable, **values: Any) -> Sequence[RowMapping]:
        """Return what a statement finds."""
        return self.run(statement, **values).mappings().all()

    def tuples(self, statement: Executable, **values: Any) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return what a statement finds, by the places of the columns."""
        return self.run(statement, **values).all()

    def packed(self, values: Sequence[str]) -> Any:
        """Return a list as the parameter of a statement about one."""
        return self.dialect.pack(values)

    def jobs(self, rows: Sequence[Mapping[Any, Any]]) -> list[Job]:
        """Return the jobs of rows, with their earlier runs."""
        repeated = [row["job_id"] for row in rows if row["fence"] > 1]
        earlier: dict[str, list[RowMapping]] = {}
        if repeated:
            for run in self.rows(self.statements.runs, ids=self.packed(repeated)):
                earlier.setdefault(run["job_id"], []).append(run)
        return [job_of(row, earlier.get(row["job_id"], ())) for row in rows]

    def job(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        found = self.jobs(self.rows(self.statements.jobs, ids=self.packed([job_id])))
        return found[0] if found else None
