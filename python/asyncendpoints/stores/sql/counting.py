"""How many jobs there are. What reads metrics asks every few seconds, and to count costs time for each row.

So a read counts on for a short time from where the one before stopped. What it comes through in one go is counted as it
is; of a multitude the number is of the last time that it has been gone through.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import BigInteger, Integer, String, bindparam, func, literal_column, select

from asyncendpoints.stores.base import StoreStats
from asyncendpoints.stores.sql.tables import IN_PROGRESS, LATEST, QUEUED, SCHEDULED, STATES, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.job import JobState
    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables
    from asyncendpoints.stores.sql.transaction import Transaction

AT_ONCE: Final = 10_000
"""How many jobs one statement counts, about: so many share a place only where they were submitted together."""
A_WHILE: Final = 0.03
"""Seconds after which a read stops counting."""

_Numbers: TypeAlias = "dict[tuple[str, int], tuple[int, int]]"
"""For each queue and state how many jobs, and the least place among them without its priority."""
_Counted: TypeAlias = "Generator[None, Transaction, _Numbers]"
"""Counts some jobs each time that it is handed a transaction, and returns the numbers at the end."""


class Counting:
    """Counts the jobs of one store, in one thread at a time.

    Args:
        tables: The store's.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self._statements = _Statements(tables, dialect)
        self._waiting = _Walk(self._count_waiting)
        self._ended = _Walk(self._count_ended)

    def stats(self, tx: Transaction, *, now: int | None) -> StoreStats | None:
        """Return how many jobs are in each state of each queue, and since when the oldest claimable one waits.

        None: they have never all been counted yet, and the next call goes on.
        """
        present, until = tx.time(now), time.monotonic() + A_WHILE
        waiting, ended = self._waiting.read(tx, until), self._ended.read(tx, until)
        if waiting is None or ended is None:
            return None
        running = {(queue, state): (number, 0) for queue, state, number in tx.tuples(self._statements.running)}
        counts: dict[str, dict[JobState, int]] = {}
        oldest: dict[str, int] = {}
        for (queue, state), (number, least) in {**ended, **waiting, **running}.items():
            counts.setdefault(queue, dict.fromkeys(STATES, 0))[state_of(state)] = number
            # A scheduled job whose time has come waits too: nobody has claimed since then.
            if state == QUEUED or (state == SCHEDULED and least <= min(present, LATEST)):
                oldest[queue] = min(least, oldest.get(queue, least))
        paused = frozenset(queue for (queue,) in tx.tuples(tx.statements.paused))
        return StoreStats(counts, oldest, paused)

    def _count_waiting(self, tx: Transaction) -> _Counted:
        queues = [queue for (queue,) in tx.tuples(self._statements.queues) if queue is not None]
        found: _Numbers = {}
        for queue, state, number, least in tx.tuples(
            self._statements.few_waiting, queues=tx.packed(queues), limit=AT_ONCE + 1
        ):
            found[queue, state] = number, least
        if sum(number for number, _ in found.values()) <= AT_ONCE:
            return found
        found = {}
        for queue in queues:
            for statements in self._statements.waiting:
                tx = yield from _add_up(found, tx, statements, queue=queue)
                tx = yield
        return found

    def _count_ended(self, tx: Transaction) -> _Counted:
        found: _Numbers = {}
        yield from _add_up(found, tx, self._statements.ended)
        return found


def _add_up(
    found: _Numbers, tx: Transaction, statements: tuple[Select[*tuple[Any, ...]], Select[*tuple[Any, ...]]], **of: Any
) -> Generator[None, Transaction, Transaction]:
    """Count what lies between two places, one part after the other, until nothing is left."""
    after, between = statements
    start = 0
    while True:
        border = tx.run(after, start=start, skip=AT_ONCE, **of).scalar_one_or_none()
        # What is all in one place is counted at once.
        end = _BEHIND if border is None else max(border, start + 1)
        for queue, state, number, least in tx.tuples(between, start=start, end=end, **of):
            before, lowest = found.get((queue, state), (0, least))
            found[queue, state] = before + number, min(least, lowest)
        if border is None:
            return tx
        start = end
        tx = yield


class _Walk:
    """Numbers from the last time that all jobs of some kind were gone through, and how far the present time is."""

    def __init__(self, begin: Callable[[Transaction], _Counted]) -> None:
        self._begin = begin
        self._known: _Numbers | None = None
        self._under_way: _Counted | None = None

    def read(self, tx: Transaction, until: float) -> _Numbers | None:
        """Count for a while, and return the newest numbers, or None where there are none yet."""
        # What fails begins anew.
        under_way, self._under_way = self._under_way, None
        try:
            if under_way is None:
                under_way = self._begin(tx)
                next(under_way)
            else:
                under_way.send(tx)
            while time.monotonic() < until:
                under_way.send(tx)
        except StopIteration as end:
            self._known = end.value
        else:
            self._under_way = under_way
        return self._known


_BEHIND: Final = (1 << 63) - 1
"""A place, or a time, behind all."""
_NONE: ColumnElement[int] = literal_column("0", BigInteger)


def _code(state: int) -> ColumnElement[int]:
    """Return a state as it stands in the condition of an index, which a parameter would hide from it."""
    return literal_column(str(state), Integer)


class _Statements:
    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        c = tables.jobs.c
        self._tables = tables
        self._here = c.namespace == bindparam("ns", type_=String())
        waits = c.state.in_([_code(SCHEDULED), _code(QUEUED)])
        least = c.place.op("&")(literal_column(str(LATEST), BigInteger))
        self.queues = self._queues(waits if dialect.has_index_of_waiting else None)
        limited = select(c.queue, c.state, least.label("least")).where(dialect.among(c.queue, "queues"), waits)
        few = limited.limit(bindparam("limit")).subquery()
        self.few_waiting = select(few.c.queue, few.c.state, func.count(), func.min(few.c.least)).group_by(
            few.c.queue, few.c.state
        )
        self.waiting = [self._of_state(state, least) for state in (SCHEDULED, QUEUED)]
        self.running = (
            select(c.queue, _code(IN_PROGRESS), func.count())
            # A bound that says nothing but which index is meant.
            .where(self._here, c.lease_until >= _code(0))
            .group_by(c.queue)
        )
        after = select(c.prune_at).where(self._here, c.prune_at >= _start).order_by(c.prune_at)
        between = select(c.queue, c.state, func.count(), _NONE).where(
            self._here, c.prune_at >= _start, c.prune_at < _end
        )
        self.ended = after.limit(1).offset(_skip), between.group_by(c.queue, c.state)

    def _of_state(
        self, state: int, least: ColumnElement[int]
    ) -> tuple[Select[*tuple[Any, ...]], Select[*tuple[Any, ...]]]:
        c = self._tables.jobs.c
        those = self._here, c.queue == bindparam("queue", type_=String()), c.state == _code(state), c.place >= _start
        after = select(c.place).where(*those).order_by(c.place).limit(1).offset(_skip)
        between = select(c.queue, c.state, func.count(), func.min(least)).where(*those, c.place < _end)
        return after, between.group_by(c.queue, c.state)

    def _queues(self, waits: ColumnElement[bool] | None) -> Select[*tuple[Any, ...]]:
        """Return the names of the queues: an index that begins with them is looked into once for each."""
        c, other = self._tables.jobs.c, self._tables.jobs.alias("other")
        first = select(func.min(c.queue).label("queue")).where(self._here)
        further = select(func.min(other.c.queue)).where(other.c.namespace == bindparam("ns", type_=String()))
        if waits is not None:
            first = first.where(waits)
            further = further.where(other.c.state.in_([_code(SCHEDULED), _code(QUEUED)]))
        names = first.cte("queues", recursive=True)
        following = further.where(other.c.queue > names.c.queue).scalar_subquery()
        names = names.union_all(select(following).where(names.c.queue.is_not(None)))
        return select(names.c.queue)


_start: BindParameter[int] = bindparam("start", type_=BigInteger)
_end: BindParameter[int] = bindparam("end", type_=BigInteger)
_skip: BindParameter[int] = bindparam("skip", type_=Integer)
