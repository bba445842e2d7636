"""Enqueue: jobs are stored together, in order, each with its key (IDM-3)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from asyncendpoints._core import Enqueued
from asyncendpoints.stores.sql.claiming import tell_of_due
from asyncendpoints.stores.sql.dialect import Overtaken
from asyncendpoints.stores.sql.rows import columns_of, key_digest, new_job, new_row, queued_at_once
from asyncendpoints.stores.sql.tables import QUEUED, SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.job import NewJob
    from asyncendpoints.stores.sql.transaction import Transaction

_LOOKS = 5
"""How often it is looked for what is there already."""
_LISTED = 2_000
"""How many jobs are looked for in one statement, so that no list grows without bound."""


def enqueue(tx: Transaction, new: Sequence[NewJob], *, max_queued: int | None, now: int | None) -> list[Enqueued]:
    """Store jobs; a repeated id answers as the first time, a repeated key with the earlier job (SUB-3, IDM-1).

    Raises:
        Overtaken: Another transaction has stored one of them, which this one cannot see.
    """
    time = tx.time(now)
    if max_queued is not None:
        for queue in sorted({job.queue for job in new}):
            # Nobody else counts what waits there, and adds to it, meanwhile.
            tx.turn(f"queue {queue}")
    looks = tx.dialect.looks_first or max_queued is not None
    for _ in range(_LOOKS):
        by_id, by_key = _earlier(tx, new) if looks else ({}, {})
        answers, added = _sorted_out(tx, new, by_id, by_key, max_queued=max_queued, now=time)
        if tx.run_each(tx.statements.add_jobs, added) == len(added):
            break
        # Some were there already, or somebody else has just stored one with the same key. They are seen from now on.
        looks = True
        _tell(tx, added)
    else:
        # Somebody's are there, and this transaction began too early to see them.
        raise Overtaken
    _tell(tx, added)
    found = {row["job_id"]: new_job(row) for row in added}
    # The same job may be the answer more than once.
    others = {row["job_id"]: row for _, row in answers if row is not None and row["job_id"] not in found}
    found.update((job.job_id, job) for job in tx.jobs(list(others.values())))
    return [Enqueued(word, None if row is None else found[row["job_id"]]) for word, row in answers]  # pyright: ignore[reportArgumentType] (the words are below)


def enqueue_alone(
    tx: Transaction, new: Sequence[NewJob], *, max_queued: int | None, now: int | None
) -> list[Enqueued] | None:
    """Store jobs that may begin at once in one statement, all or none; None where they are not only such.

    One that is there already, or whose key is, keeps all of them from being stored.
    """
    submit, alone = tx.statements.submit, tx.dialect.singly
    if submit is None or alone is None or max_queued is not None or any(job.delay_ms for job in new):
        return None
    columns = columns_of(new, submit.names)
    at = alone.ask_each(tx.connection, submit, columns, {"ns": tx.namespace, "now": now}).scalar_one()
    tx.news.changed += columns["job_id"]
    tx.news.queues |= set(columns["queue"])
    return [Enqueued("created", queued_at_once(job, at)) for job in new]


def _sorted_out(
    tx: Transaction,
    new: Sequence[NewJob],
    by_id: dict[str, Mapping[Any, Any]],
    by_key: dict[str, Mapping[Any, Any]],
    *,
    max_queued: int | None,
    now: int,
) -> tuple[list[tuple[str, Mapping[Any, Any] | None]], list[dict[str, Any]]]:
    """Return the answers for jobs, given those that are known, and the rows of those that are new."""
    waiting = _waiting(tx, new, max_queued)
    added: list[dict[str, Any]] = []
    answers: list[tuple[str, Mapping[Any, Any] | None]] = []
    for job in new:
        key = None if job.key is None else key_digest(job.scope or "", job.key)
        known = by_id.get(job.job_id)
        if known is not None:
            answers.append(("created", known))
            continue
        known = None if key is None else by_key.get(key)
        if known is not None:
            is_same = known["fingerprint"] == job.fingerprint
            answers.append(("replayed", known) if is_same else ("key_reused", None))
            continue
        if max_queued is not None and waiting[job.queue] >= max_queued:
            answers.append(("queue_full", None))
            continue
        waiting[job.queue] += 1
        row = new_row(tx.namespace, job, now)
        added.append(row)
        by_id[job.job_id] = row
        if key is not None:
            by_key[key] = row
        answers.append(("created", row))
    return answers, added


def _earlier(
    tx: Transaction, new: Sequence[NewJob]
) -> tuple[dict[str, Mapping[Any, Any]], dict[str, Mapping[Any, Any]]]:
    """Return the stored jobs with one of these ids, and those with one of these keys."""
    by_id: dict[str, Mapping[Any, Any]] = {}
    by_key: dict[str, Mapping[Any, Any]] = {}
    for start in range(0, len(new), _LISTED):
        part = new[start : start + _LISTED]
        for row in tx.rows(tx.statements.jobs, ids=tx.packed([job.job_id for job in part])):
            by_id[row["job_id"]] = row
        keys = [key_digest(job.scope or "", job.key) for job in part if job.key is not None]
        if keys:
            for row in tx.rows(tx.statements.by_key, keys=tx.packed(keys)):
                by_key[row["key_digest"]] = row
    return by_id, by_key


def _waiting(tx: Transaction, new: Sequence[NewJob], max_queued: int | None) -> Counter[str]:
    """Return how many jobs wait in each queue, where that matters."""
    waiting: Counter[str] = Counter()
    if max_queued is not None:
        for queue in {job.queue for job in new}:
            waiting[queue] = tx.run(tx.statements.queues.waiting, queue=queue).scalar_one()
    return waiting


def _tell(tx: Transaction, added: Sequence[Mapping[Any, Any]]) -> None:
    tx.news.changed += [row["job_id"] for row in added]
    tx.news.queues |= {row["queue"] for row in added if row["state"] == QUEUED}
    tell_of_due(tx, [(row["queue"], row["ready_at"]) for row in added if row["state"] == SCHEDULED])
