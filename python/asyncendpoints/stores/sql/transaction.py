"""One transaction: its connection, its time, and what is to be told once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asyncendpoints.stores.sql.rows import job_of
from asyncendpoints.stores.sql.statements import Grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ClauseElement, Connection, CursorResult, Executable, RowMapping

    from asyncendpoints.job import Job
    from asyncendpoints.stores.sql.dialects import Sqlite


@dataclass(slots=True)
class News:
    """What has happened in a transaction that somebody may wait for."""

    queues: set[str] = field(default_factory=set[str])
    """Where something is claimable, or due earlier than before."""
    changed: list[str] = field(default_factory=list[str])
    """Jobs that are new, changed, or gone."""
    cancels: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """`(worker, job_id, fence)` of runs whose cancellation was asked for."""


class Ground:
    """What all transactions of a store stand on.

    Args:
        dialect: The database's.
        namespace: Separates applications.
    """

    def __init__(self, dialect: Sqlite, namespace: str) -> None:
        self.dialect = dialect
        self.namespace = namespace
        self.grouped = Grouped(dialect)


class Transaction:
    """One transaction of one namespace.

    Args:
        connection: In a transaction.
        ground: What it stands on.
    """

    def __init__(self, connection: Connection, ground: Ground) -> None:
        self._connection = connection
        self._ground = ground
        self._clock: int | None = None
        self.news = News()

    @property
    def connection(self) -> Connection:
        """The connection, for what concerns no namespace."""
        return self._connection

    @property
    def grouped(self) -> Grouped:
        """The statements about lists of jobs."""
        return self._ground.grouped

    @property
    def namespace(self) -> str:
        """The namespace that every statement concerns."""
        return self._ground.namespace

    def time(self, now: int | None) -> int:
        """Return `now`, or the time by the database's clock, which stands still in a transaction (CLK-1)."""
        if now is not None:
            return now
        if self._clock is None:
            self._clock = int(self._connection.execute(self._ground.dialect.clock).scalar_one())
        return self._clock

    def run(self, statement: Executable, **values: Any) -> CursorResult[Any]:
        """Execute a statement."""
        return self._connection.execute(statement, {"ns": self._ground.namespace, **values})

    def run_each(self, statement: ClauseElement, rows: Sequence[dict[str, Any]]) -> None:
        """Execute a statement once for each row of values, in one go."""
        if rows:
            self._ground.dialect.run_each(self._connection, statement, rows)

    def rows(self, statement: Executable, **values: Any) -> Sequence[RowMapping]:
        """Return what a statement finds."""
        return self.run(statement, **values).mappings().all()

    def tuples(self, statement: Executable, **values: Any) -> Sequence[tuple[Any, ...]]:
        """Return what a statement finds, without names."""
        return [tuple(row) for row in self.run(statement, **values)]

    def packed(self, values: Sequence[str]) -> str:
        """Return a list as the parameter of a statement about one."""
        return self._ground.dialect.pack(values)

    def jobs(self, rows: Sequence[Mapping[Any, Any]]) -> list[Job]:
        """Return the jobs of rows, with their earlier runs."""
        repeated = [row["job_id"] for row in rows if row["fence"] > 1]
        earlier: dict[str, list[RowMapping]] = {}
        if repeated:
            for run in self.rows(self.grouped.runs, ids=self.packed(repeated)):
                earlier.setdefault(run["job_id"], []).append(run)
        return [job_of(row, earlier.get(row["job_id"], ())) for row in rows]

    def job(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        found = self.jobs(self.rows(self.grouped.jobs, ids=self.packed([job_id])))
        return found[0] if found else None
