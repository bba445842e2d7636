"""Claim: promote what is due, then take jobs in order (CLM-1 to CLM-6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Claims
from asyncendpoints.stores.sql import statements
from asyncendpoints.stores.sql.rows import claim_of
from asyncendpoints.stores.sql.tables import IN_PROGRESS, QUEUED, SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.stores.sql.transaction import Transaction

PROMOTIONS: Final = 1_000
"""How many scheduled jobs a claim or a sweep promotes at most (CLM-6), so that neither takes long."""
ANY: Final = (1 << 63) - 1
"""A place behind all."""


def claim(
    tx: Transaction,
    *,
    worker: str,
    claim_id: str,
    queues: Sequence[str],
    limit: int,
    lease_ms: int,
    now: int | None,
) -> Claims:
    """Begin runs: at most `limit` jobs of the queues, by rank over all of them (CLM-2)."""
    time = tx.time(now)
    names = list(dict.fromkeys(queues))
    if not names:
        return Claims([], None)
    heads = _heads(tx, names)
    if any(due is not None and due <= time for due, _ in heads.values()):
        promote_from(tx, names, time)
        heads = _heads(tx, names)
    taken = _take(tx, [name for name in names if not heads[name][1]], limit)
    if taken:
        _begin(tx, taken, worker=worker, claim_id=claim_id, until=time + lease_ms, now=time)
    dues = [due for due, _ in heads.values() if due is not None]
    return Claims([claim_of(row, time) for row in taken], max(min(dues) - time, 0) if dues else None)


def _named(names: Sequence[str]) -> dict[str, Any]:
    return {f"queue_{index}": name for index, name in enumerate(names)}


def _heads(tx: Transaction, names: Sequence[str]) -> dict[str, tuple[int | None, bool]]:
    """Return for each queue when its next scheduled job is due, and whether the queue is paused."""
    found = tx.tuples(statements.heads(len(names)), of_state=SCHEDULED, **_named(names))
    return {names[int(index)]: (due, bool(is_paused)) for index, due, is_paused in found}


def _take(tx: Transaction, names: Sequence[str], limit: int) -> Sequence[Any]:
    if not names or limit <= 0:
        return ()
    first = statements.first_in_place(len(names), statements.CLAIMED)
    return tx.rows(first, of_state=QUEUED, until=ANY, limit=limit, **_named(names))


def _begin(tx: Transaction, taken: Sequence[Any], *, worker: str, claim_id: str, until: int, now: int) -> None:
    ids = [row["job_id"] for row in taken]
    repeated = [row["job_id"] for row in taken if row["fence"]]
    if repeated:
        tx.run(tx.grouped.keep_runs, ids=tx.packed(repeated))
    same = {"until": until, "claim": claim_id, "worker": worker, "now": now}
    tx.run_each(statements.claim, [_step(tx, job_id, QUEUED, IN_PROGRESS, **same) for job_id in ids])
    tx.news.changed += ids


def _step(tx: Transaction, job_id: str, of_state: int, to: int, **values: Any) -> dict[str, Any]:
    return {"ns": tx.namespace, "id": job_id, "of_state": of_state, "to": to, **values}


def promote_from(tx: Transaction, names: Sequence[str], now: int) -> None:
    """Make scheduled jobs of these queues queued whose time has come, earliest first."""
    first = statements.first_in_place(len(names), (statements.J.job_id, statements.J.queue))
    _promote(tx, tx.rows(first, of_state=SCHEDULED, until=now, limit=PROMOTIONS, **_named(names)), now)


def promote(tx: Transaction, now: int) -> None:
    """Make scheduled jobs of every queue queued whose time has come, earliest first."""
    _promote(tx, tx.rows(statements.due, now=now, limit=PROMOTIONS), now)


def _promote(tx: Transaction, due: Sequence[Any], now: int) -> None:
    if not due:
        return
    ids = [row["job_id"] for row in due]
    tx.run_each(statements.promote, [_step(tx, job_id, SCHEDULED, QUEUED, now=now) for job_id in ids])
    tx.news.changed += ids
    tx.news.queues |= {row["queue"] for row in due}


def tell_of_due(tx: Transaction, scheduled: Sequence[tuple[str, int]]) -> None:
    """Wake the workers of each queue where one of these `(queue, due)`, written just now, is the earliest."""
    if not scheduled:
        return
    earliest: dict[str, int] = {}
    for queue, due in scheduled:
        earliest[queue] = min(due, earliest.get(queue, due))
    heads = _heads(tx, list(earliest))
    tx.news.queues |= {queue for queue, due in earliest.items() if heads[queue][0] == due}
