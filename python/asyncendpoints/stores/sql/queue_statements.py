"""The statements about queues: what waits in them, and how it is taken in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)

from asyncendpoints.stores.sql.tables import IN_PROGRESS, LATEST, QUEUED, SCHEDULED, following

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import CTE, ColumnElement, CompoundSelect, Executable, Select
    from sqlalchemy.sql.dml import ReturningUpdate
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables

CLAIMED = (
    "job_id", "fence", "handler", "queue", "attempt", "max_attempts", "timeout_ms", "created_at", "ready_at",
    "priority", "request_id", "owner", "request", "payload",
)  # fmt: skip
"""What a worker is told of a job."""
RUN = {
    "namespace": "namespace",
    "job_id": "job_id",
    "number": "fence",
    "started_at": "run_started_at",
    "finished_at": "run_finished_at",
    "outcome": "run_outcome",
    "worker": "run_worker",
    "error": "run_error",
}
"""The columns of an earlier run, and where it stood while it was the newest."""


def _code(state: int) -> ColumnElement[int]:
    """Return a state as it stands in the condition of an index, which a parameter would hide from it."""
    return literal_column(str(state), Integer)


_BEFORE = ("fence", "attempt")
_LOCKED = ("namespace", "job_id", *_BEFORE, *(name for name in RUN.values() if name.startswith("run_")))
"""What is read of a job that is claimed before it is written."""


def rank(priority: ColumnElement[int], ready_at: ColumnElement[int]) -> ColumnElement[int]:
    """Return the place of a queued job (CLM-2)."""
    latest = literal_column(str(LATEST), BigInteger)
    first = (100 - priority) * literal_column(str(LATEST + 1), BigInteger)
    return first + case((ready_at > latest, latest), else_=ready_at)


def _once_for_all(statement: Select[*tuple[Any, ...]] | CompoundSelect[Any], name: str) -> CTE:
    """Return what a statement finds as a part of another one, which finds it once."""
    return statement.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _heads(number: int) -> list[BindParameter[str]]:
    return [bindparam(f"queue_{index}", type_=String()) for index in range(number)]


class QueueStatements:
    """The statements about queues of one store.

    Args:
        tables: The store's.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        jobs, c = tables.jobs, tables.jobs.c
        self._tables = tables
        self._here = c.namespace == bindparam("ns")
        self._known: dict[tuple[Any, ...], Any] = {}
        now: BindParameter[int] = bindparam("now", type_=BigInteger)
        changed: dict[Any, Any] = {c.version: c.version + 1, c.updated_at: now}
        self.promote = dialect.each(
            lambda row: (
                update(jobs)
                .where(c.namespace == row["ns"], c.job_id == row["id"], c.state == _code(SCHEDULED))
                .values({c.state: _code(QUEUED), c.place: rank(c.priority, c.ready_at), **changed})
            ),
            id=String(),
        )
        self.claim = dialect.each(
            lambda row: (
                update(jobs)
                .where(c.namespace == row["ns"], c.job_id == row["id"], c.state == _code(QUEUED))
                .values(self._begun(now))
            ),
            id=String(),
        )
        due = (
            select(c.job_id, c.queue)
            .where(self._here, c.state == _code(SCHEDULED), c.place <= now)
            .order_by(c.place, c.job_id)
            .limit(bindparam("limit"))
            .with_for_update(skip_locked=True)
        )
        self.due = following(due, tables, "due")
        # By the index of leases, of which there are few.
        mine = and_(c.claim_id == bindparam("claim"), c.state == _code(IN_PROGRESS), c.lease_until.is_not(None))
        self.begun_by = select(c.run_started_at, *(c[name] for name in CLAIMED)).where(self._here, mine)
        self.waiting = select(func.count()).where(
            self._here, c.queue == bindparam("queue"), c.state.in_([_code(SCHEDULED), _code(QUEUED)])
        )

    def _begun(self, now: ColumnElement[int]) -> dict[Any, Any]:
        """Return what a claim writes."""
        c = self._tables.jobs.c
        # A job that somebody has given back since this transaction took its time was given back before this run begins.
        begins = case((c.updated_at > now, c.updated_at), else_=now)
        return {
            c.state: _code(IN_PROGRESS),
            c.place: 0,
            c.fence: c.fence + 1,
            # SET-2 holds whatever verdict brought the job back.
            c.attempt: case((c.attempt < c.max_attempts, c.attempt + 1), else_=c.max_attempts),
            c.lease_until: now + bindparam("lease", type_=BigInteger),
            c.claim_id: bindparam("claim", type_=String()),
            c.started_at: func.coalesce(c.started_at, begins),
            c.run_started_at: begins,
            c.run_finished_at: None,
            c.run_outcome: None,
            c.run_worker: bindparam("worker", type_=String()),
            c.run_error: None,
            c.version: c.version + 1,
            c.updated_at: begins,
        }

    def heads(self, number: int) -> CompoundSelect[Any]:
        """For each of so many queues: its number, when its next scheduled job is due, and whether it is paused."""
        return self._once(("heads", number), self._heads, number)

    def first(self, number: int, *, state: int, columns: Sequence[str], locked: bool) -> CompoundSelect[Any]:
        """The first jobs of so many queues in the order of their places, at most at the place `of_until`.

        Each queue is read in the order of the index, so that none is read further than it needs. Those that are locked
        are at most `limit_0` of the first queue and so on, without what others have locked; the others are at most
        `limit` of all queues together.
        """
        return self._once(("first", number, state, tuple(columns), locked), self._first, number, state, columns, locked)

    def claim_first(self, number: int) -> Executable:
        """Claim the first jobs of so many queues, as `first` finds them with `locked`, in one statement.

        It returns what `first` does with the columns `CLAIMED`, in no order, and keeps the earlier run of each.
        """
        return self._once(("claim", number), self._claim_first, number)

    def _claim_first(self, number: int) -> Executable:
        return self._claimed(self._first(number, QUEUED, _LOCKED, locked=True), bindparam("now", type_=BigInteger))

    def _claim_alone(self, moment: ColumnElement[int]) -> Executable:
        time = _once_for_all(select(moment.label("now")), "time")
        now = select(time.c.now).scalar_subquery()
        head = _once_for_all(select(*self._head(_heads(1)[0])), "head")
        is_open = exists().where(or_(head.c.due.is_(None), head.c.due > now), head.c.paused == 0)
        taken = self._claimed(self._first(1, QUEUED, _LOCKED, locked=True, only=is_open), now).cte("taken")
        return select(time.c.now, head.c.due, head.c.paused, *taken.c).select_from(
            time.join(head, true()).outerjoin(taken, true())
        )

    def _claimed(self, found: CompoundSelect[Any], now: ColumnElement[int]) -> ReturningUpdate[Any]:
        jobs, runs = self._tables.jobs, self._tables.runs
        c = jobs.c
        picked = _once_for_all(found, "picked")
        kept = (
            insert(runs)
            .from_select(list(RUN), select(*(picked.c[name] for name in RUN.values())).where(picked.c.fence > 0))
            .cte("kept")
        )
        return (
            update(jobs)
            .where(c.namespace == picked.c.namespace, c.job_id == picked.c.job_id, c.state == _code(QUEUED))
            .values(self._begun(now))
            .add_cte(kept)
            .returning(picked.c.place, *(picked.c[name] if name in _BEFORE else c[name] for name in CLAIMED))
        )

    def claim_alone(self, moment: ColumnElement[int]) -> Executable:
        """Claim the first jobs of one queue, in a statement that is a transaction by itself.

        Each row has the time, when the next scheduled job is due, whether the queue is paused, and a job as
        `claim_first` returns it, or nothing. None is claimed where one that is scheduled has to come first.
        """
        return self._once(("alone",), self._claim_alone, moment)

    def _once(self, key: tuple[Any, ...], make: Callable[..., Any], *arguments: Any) -> Any:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = make(*arguments)
        return found

    def _heads(self, number: int) -> CompoundSelect[Any]:
        parts: list[Any] = []
        for index, queue in enumerate(_heads(number)):
            parts.append(select(literal_column(str(index), Integer), *self._head(queue)))
        return union_all(*parts)

    def _head(self, queue: ColumnElement[str]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """Return when the next scheduled job of a queue is due, and whether the queue is paused."""
        c, paused = self._tables.jobs.c, self._tables.paused
        first = (
            select(c.place)
            .where(self._here, c.queue == queue, c.state == _code(SCHEDULED))
            .order_by(c.place)
            .limit(1)
            .scalar_subquery()
        )
        is_paused = exists().where(paused.c.namespace == bindparam("ns"), paused.c.queue == queue)
        return first.label("due"), case((is_paused, 1), else_=0).label("paused")

    def _first(
        self,
        number: int,
        state: int,
        columns: Sequence[str],
        locked: bool,
        only: ColumnElement[bool] | None = None,
    ) -> CompoundSelect[Any]:
        c = self._tables.jobs.c
        parts: list[Any] = []
        for index, queue in enumerate(_heads(number)):
            until: BindParameter[int] = bindparam("of_until", type_=BigInteger)
            found = (
                select(c.place, *(c[name] for name in columns))
                .where(and_(self._here, c.queue == queue, c.state == _code(state), c.place <= until))
                .order_by(c.place, c.job_id)
            )
            if only is not None:
                found = found.where(only)
            found = following(found, self._tables, "place")
            if locked:
                found = found.limit(bindparam(f"limit_{index}")).with_for_update(skip_locked=True)
            else:
                found = found.limit(bindparam("limit"))
            parts.append(select(found.subquery()))
        together = union_all(*parts).order_by("place", "job_id")
        return together if locked else together.limit(bindparam("limit"))
