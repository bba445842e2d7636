"""Claim: promote what is due, then take jobs in order (CLM-1 to CLM-6)."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Claim, Claims
from asyncendpoints.stores.sql.queue_statements import CLAIMED
from asyncendpoints.stores.sql.rows import claims_of
from asyncendpoints.stores.sql.tables import QUEUED, SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.stores.sql.transaction import Transaction

PROMOTIONS: Final = 1_000
"""How many scheduled jobs a claim or a sweep promotes at most (CLM-6), so that neither takes long."""
ANY: Final = (1 << 63) - 1
"""A place behind all."""
_FACTS: Final = 3
"""How many facts of the queue come before a job's."""


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
    open_names = [name for name in names if not heads[name][1]]
    run = {"worker": worker, "claim": claim_id, "lease": lease_ms, "now": time}
    claims = _begun_before(tx, claim_id) if tx.repeats else []
    if open_names and limit > 0 and not claims:
        claims = claims_of(_take(tx, open_names, limit, run), time)
    dues = [due for due, _ in heads.values() if due is not None]
    return Claims(claims, max(min(dues) - time, 0) if dues else None)


def claim_alone(
    tx: Transaction, *, worker: str, claim_id: str, queues: Sequence[str], limit: int, lease_ms: int, now: int | None
) -> Claims | None:
    """Do the same in one statement; None where there is something to promote first, or not exactly one queue."""
    names = list(dict.fromkeys(queues))
    if len(names) != 1 or limit <= 0 or tx.dialect.singly is None:
        return None
    statement = tx.statements.queues.claim_alone(tx.dialect.singly.moment)
    run = {"worker": worker, "claim": claim_id, "lease": lease_ms, "now": now}
    rows = tx.tuples(statement, of_until=ANY, limit_0=limit, **_named(names), **run)
    time, due, _, *_ = rows[0]
    if due is not None and due <= time:
        return None
    taken = sorted((row[_FACTS:] for row in rows if row[_FACTS] is not None), key=itemgetter(0, 1))
    tx.news.changed += [row[1] for row in taken]
    return Claims(claims_of(taken, time), None if due is None else max(due - time, 0))


def _begun_before(tx: Transaction, claim_id: str) -> list[Claim]:
    """Return the runs that this claim has begun already, with a statement that nobody answered."""
    rows = tx.rows(tx.statements.queues.begun_by, claim=claim_id)
    tx.news.changed += [row["job_id"] for row in rows]
    return [Claim(started_at=row["run_started_at"], **{name: row[name] for name in CLAIMED}) for row in rows]


def _named(names: Sequence[str]) -> dict[str, Any]:
    return {f"queue_{index}": name for index, name in enumerate(names)}


def _heads(tx: Transaction, names: Sequence[str]) -> dict[str, tuple[int | None, bool]]:
    """Return for each queue when its next scheduled job is due, and whether the queue is paused."""
    found = tx.tuples(tx.statements.queues.heads(len(names)), **_named(names))
    return {names[int(index)]: (due, bool(is_paused)) for index, due, is_paused in found}


def _take(tx: Transaction, names: Sequence[str], limit: int, run: Mapping[str, Any]) -> Sequence[Any]:
    """Begin runs of the first jobs of the queues; return for each its place and what was in the columns `CLAIMED`."""
    queues, many = tx.statements.queues, len(names)
    if not tx.dialect.locks:
        statement = queues.first(many, state=QUEUED, columns=CLAIMED, locked=False)
        return _begin(tx, tx.tuples(statement, of_until=ANY, limit=limit, **_named(names)), run)
    numbers = Counter(dict.fromkeys(names, limit))
    if many > 1:
        # How many of each queue, so that no more are locked than are taken.
        statement = queues.first(many, state=QUEUED, columns=("job_id", "queue"), locked=False)
        peeked = tx.rows(statement, of_until=ANY, limit=limit, **_named(names))
        numbers = Counter(row["queue"] for row in peeked)
    limits = {f"limit_{index}": numbers[name] for index, name in enumerate(names)}
    values = {"of_until": ANY, **limits, **_named(names)}
    if tx.dialect.claims_in_one:
        taken = sorted(tx.tuples(queues.claim_first(many), **values, **run), key=itemgetter(0, 1))
        tx.news.changed += [row[1] for row in taken]
        return taken
    statement = queues.first(many, state=QUEUED, columns=CLAIMED, locked=True)
    return _begin(tx, tx.tuples(statement, **values), run)


def _begin(tx: Transaction, taken: Sequence[Any], run: Mapping[str, Any]) -> Sequence[Any]:
    repeated = [row[1] for row in taken if row[2]]
    if repeated:
        tx.run(tx.statements.keep_runs, ids=tx.packed(repeated))
    tx.move_each(tx.statements.queues.claim, [{"id": row[1]} for row in taken], **run)
    tx.news.changed += [row[1] for row in taken]
    return taken


def promote_from(tx: Transaction, names: Sequence[str], now: int) -> None:
    """Make scheduled jobs of these queues queued whose time has come, earliest first."""
    columns, locks = ("job_id", "queue"), tx.dialect.locks
    statement = tx.statements.queues.first(len(names), state=SCHEDULED, columns=columns, locked=locks)
    limits = {f"limit_{index}": PROMOTIONS for index in range(len(names))} if locks else {"limit": PROMOTIONS}
    _promote(tx, tx.rows(statement, of_until=now, **limits, **_named(names))[:PROMOTIONS], now)


def promote(tx: Transaction, now: int) -> None:
    """Make scheduled jobs of every queue queued whose time has come, earliest first."""
    _promote(tx, tx.rows(tx.statements.queues.due, now=now, limit=PROMOTIONS), now)


def _promote(tx: Transaction, due: Sequence[Any], now: int) -> None:
    if not due:
        return
    tx.move_each(tx.statements.queues.promote, [{"id": row["job_id"]} for row in due], now=now)
    tx.news.changed += [row["job_id"] for row in due]
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
