"""How many jobs there are: those to be done are counted at each call, a multitude of ended ones only now and then.

To count costs time for each row, and ended jobs may be millions. What reads metrics asks every few seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Integer, and_, bindparam, func, literal_column, select, union_all

from asyncendpoints.stores.base import StoreStats
from asyncendpoints.stores.sql.tables import ENDED, IN_PROGRESS, LATEST, QUEUED, SCHEDULED, STATES, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select

    from asyncendpoints.job import JobState
    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables
    from asyncendpoints.stores.sql.transaction import Transaction

MANY: Final = 50_000
"""From how many ended jobs on their number may be some seconds old."""
REST: Final = 20
"""How many times as long as it took to count them it is not done again."""

_NONE: ColumnElement[int] = literal_column("0", BigInteger)


def _codes(*states: int) -> list[ColumnElement[int]]:
    """Return states as they stand in the condition of an index, which a parameter would hide from it."""
    return [literal_column(str(state), Integer) for state in states]


class Counting:
    """Counts the jobs of one store, in one thread at a time.

    Args:
        tables: The store's.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        c = tables.jobs.c
        here = c.namespace == bindparam("ns")
        least = func.min(c.place.op("&")(literal_column(str(LATEST), BigInteger)))
        if dialect.counts_in_parts:
            running = (
                select(c.queue, *_codes(IN_PROGRESS), func.count(), _NONE)
                .where(here, c.lease_until.is_not(None))
                .group_by(c.queue)
            )
            waiting = (
                select(c.queue, c.state, func.count(), least)
                .where(here, c.state.in_(_codes(SCHEDULED, QUEUED)))
                .group_by(c.queue, c.state)
            )
            ended = here, c.prune_at.is_not(None)
            self._live: Select[*tuple[Any, ...]] | CompoundSelect[Any] = union_all(waiting, running)
        else:
            self._live = _by_queue(tables, least)
            ended = here, c.state.in_(_codes(*sorted(ENDED)))
        self._ended = select(c.queue, c.state, func.count()).where(*ended).group_by(c.queue, c.state)
        self._known: Sequence[tuple[str, int, int]] = ()
        self._until = 0.0

    def stats(self, tx: Transaction, *, now: int | None) -> StoreStats:
        """Return how many jobs are in each state of each queue, and since when the oldest claimable one waits."""
        present = tx.time(now)
        counts: dict[str, dict[JobState, int]] = {}
        oldest: dict[str, int] = {}
        for queue, state, number, least in tx.tuples(self._live):
            counts.setdefault(queue, dict.fromkeys(STATES, 0))[state_of(state)] = number
            # A scheduled job whose time has come waits too: nobody has claimed since then.
            if state == QUEUED or (state == SCHEDULED and least <= min(present, LATEST)):
                oldest[queue] = min(least, oldest.get(queue, least))
        for queue, state, number in self._count_ended(tx):
            counts.setdefault(queue, dict.fromkeys(STATES, 0))[state_of(state)] = number
        paused = frozenset(queue for (queue,) in tx.tuples(tx.statements.paused))
        return StoreStats(counts, oldest, paused)

    def _count_ended(self, tx: Transaction) -> Sequence[tuple[str, int, int]]:
        begun = time.monotonic()
        if begun >= self._until:
            self._known = [(queue, state, number) for queue, state, number in tx.tuples(self._ended)]
            if sum(number for *_, number in self._known) >= MANY:
                done = time.monotonic()
                self._until = done + REST * (done - begun)
        return self._known


def _by_queue(tables: Tables, least: ColumnElement[int]) -> Select[*tuple[Any, ...]]:
    """Return the counts of jobs to be done, from an index that begins with the queue.

    It is looked into at each queue and state, and nothing between them is read.
    """
    c, other = tables.jobs.c, tables.jobs.alias("other")
    first = select(func.min(c.queue).label("queue")).where(c.namespace == bindparam("ns")).cte("queues", recursive=True)
    following = (
        select(func.min(other.c.queue))
        .where(other.c.namespace == bindparam("ns"), other.c.queue > first.c.queue)
        .scalar_subquery()
    )
    queues = first.union_all(select(following).where(first.c.queue.is_not(None)))
    its = and_(
        c.namespace == bindparam("ns"),
        c.queue == queues.c.queue,
        c.state.in_(_codes(SCHEDULED, QUEUED, IN_PROGRESS)),
    )
    return (
        select(c.queue, c.state, func.count(), least)
        .select_from(queues.join(tables.jobs, its))
        .group_by(c.queue, c.state)
    )
