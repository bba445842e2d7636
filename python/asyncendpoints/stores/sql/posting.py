"""What is done with the outbox: submissions are written, and taken by relays, which say what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Enqueued
from asyncendpoints.stores.outbox import OutboxStats
from asyncendpoints.stores.sql.entries import entry_of, job_of, kept_ms, new_row
from asyncendpoints.stores.sql.rows import KEY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.outbox import Conclusion, Entry
    from asyncendpoints.stores.sql.outbox_statements import OutboxStatements
    from asyncendpoints.stores.sql.transaction import News, Transaction

_REPLAYED_MS: Final = KEY_MS
"""How long it is known which job a submission repeats: as long as its key is, at least."""


def write(
    tx: Transaction, statements: OutboxStatements, new: Sequence[NewJob], *, max_queued: int | None, now: int | None
) -> list[Enqueued]:
    """Write submissions; where so many of a queue wait here already, it is full."""
    time = tx.time(now)
    room: dict[str, int] = {}
    if max_queued is not None:
        for queue in {job.queue for job in new}:
            room[queue] = max_queued - tx.run(statements.waiting, queue=queue, limit=max_queued).scalar_one()
    rows: list[dict[str, Any]] = []
    answers: list[Enqueued] = []
    for job in new:
        if room.get(job.queue, 1) <= 0:
            answers.append(Enqueued("queue_full", None))
            continue
        if job.queue in room:
            room[job.queue] -= 1
        row = new_row(tx.namespace, job, time)
        rows.append(row)
        answers.append(Enqueued("created", job_of({**row, "problem": None, "prune_at": None}, time)))
    tx.run_each(statements.add, rows)
    tx.news.changed += [row["job_id"] for row in rows]
    tx.news.queues |= {row["queue"] for row in rows}
    return answers


def adopt(tx: Transaction, statements: OutboxStatements, news: News) -> bool:
    """Tell the news of another transaction, once it is committed: once what it has written can be seen."""
    if not tx.tuples(statements.visible, ids=tx.packed(news.changed)):
        return False
    tx.news.queues |= news.queues
    tx.news.changed += news.changed
    return True


def is_any_due(tx: Transaction, statements: OutboxStatements, *, now: int | None) -> bool:
    """Tell whether there is something to take."""
    return bool(tx.tuples(statements.is_any_due, now=tx.time(now)))


def take(
    tx: Transaction,
    statements: OutboxStatements,
    *,
    limit: int,
    lease_ms: int,
    job_id: str | None,
    now: int | None,
) -> list[Entry]:
    """Take entries, the first written first, or one."""
    time = tx.time(now)
    rows = tx.rows(statements.due, now=time, limit=limit) if job_id is None else tx.rows(statements.one, id=job_id)
    if rows:
        tx.run(statements.take, ids=tx.packed([row["job_id"] for row in rows]), until=time + lease_ms)
    return [entry_of(row, time) for row in rows]


def conclude(
    tx: Transaction, statements: OutboxStatements, conclusions: Sequence[Conclusion], *, now: int | None
) -> None:
    """Write down what became of entries; what has been moved goes."""
    time = tx.time(now)
    moved = [each.entry.job_id for each in conclusions if each.word == "moved"]
    if moved:
        tx.run(statements.remove, ids=tx.packed(moved))
        tx.news.changed += moved
    for each in conclusions:
        if each.word == "moved":
            continue
        values: dict[str, Any] = {"until": None, "same": None, "why": None, "prunes": None}
        if each.word == "put_off":
            values["until"] = time + each.delay_ms
        elif each.word == "replayed":
            values |= {"same": each.same_as, "prunes": time + _REPLAYED_MS}
        else:
            values |= {"why": each.problem, "prunes": time + _kept_ms(tx, statements, each.entry.job_id)}
        tx.run(statements.conclude, id=each.entry.job_id, of_turn=each.entry.turn, **values)
        tx.news.changed.append(each.entry.job_id)


def _kept_ms(tx: Transaction, statements: OutboxStatements, job_id: str) -> int:
    rows = tx.rows(statements.find, id=job_id)
    return kept_ms(rows[0]) if rows else 0


def find(tx: Transaction, statements: OutboxStatements, job_id: str, *, now: int | None) -> Job | str | None:
    """Return the job that an entry is, or the id of the one that it repeats, or None."""
    rows = tx.rows(statements.find, id=job_id)
    if not rows:
        return None
    (row,) = rows
    return row["same_as"] or job_of(row, tx.time(now))


def prune(tx: Transaction, statements: OutboxStatements, *, limit: int, now: int | None) -> int:
    """Delete what is kept no longer."""
    ids = [row["job_id"] for row in tx.rows(statements.pruned, now=tx.time(now), limit=limit)]
    if ids:
        tx.run(statements.remove, ids=tx.packed(ids))
    return len(ids)


def stats(tx: Transaction, statements: OutboxStatements) -> OutboxStats:
    """Return how many entries there are."""
    ((waiting, oldest_at, refused),) = tx.tuples(statements.stats)
    oldest_for = None if oldest_at is None else max(tx.time(None) - oldest_at, 0) / 1000
    return OutboxStats(waiting, oldest_for, refused)
