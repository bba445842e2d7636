"""What users ask of single jobs and queues: cancel, run now, delete, pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import Cancellation, cancel_transition
from asyncendpoints.stores.sql.rows import end_times
from asyncendpoints.stores.sql.sweeping import REMOVALS, remove
from asyncendpoints.stores.sql.tables import (
    ENDED,
    QUEUED,
    SCHEDULED,
    STATE_CODES,
    place_of,
    state_of,
)

if TYPE_CHECKING:
    from asyncendpoints.job import Job
    from asyncendpoints.stores.sql.transaction import Transaction


def cancel(tx: Transaction, job_id: str, *, now: int | None) -> Cancellation:
    """Apply the table's row for a cancel to the job's present state (CAN-1)."""
    time = tx.time(now)
    found = tx.rows(tx.statements.facts_of_one, id=job_id)
    if not found:
        return Cancellation("missing", None)
    (row,) = found
    state = state_of(row["state"])
    to = cancel_transition(state)
    if to is None:
        return Cancellation("already" if state == "canceled" else "refused", tx.job(job_id))
    if to == state:
        # The first request stands; its worker also hears of it at each renewal (CAN-2).
        if row["cancel_requested_at"] is None:
            tx.move(tx.statements.request_cancel, id=job_id, of_fence=row["fence"], now=time)
            tx.news.changed.append(job_id)
            tx.news.cancels.append((row["run_worker"], job_id, row["fence"]))
        return Cancellation("requested", tx.job(job_id))
    code = STATE_CODES[to]
    tx.move(tx.statements.cancel, id=job_id, of_state=row["state"], to=code, now=time, **end_times(row, code, time))
    tx.news.changed.append(job_id)
    return Cancellation("canceled", tx.job(job_id))


def run_now(tx: Transaction, job_id: str, *, now: int | None) -> Job | None:
    """Make a scheduled job queued, as if its time had come; return the job as it is then."""
    time = tx.time(now)
    for row in tx.rows(tx.statements.facts_of_one, id=job_id):
        if row["state"] == SCHEDULED:
            place = place_of(QUEUED, row["priority"], time)
            tx.move(tx.statements.run_now, id=job_id, of_state=SCHEDULED, to=QUEUED, at=place, now=time)
            tx.news.changed.append(job_id)
            tx.news.queues.add(row["queue"])
    return tx.job(job_id)


def delete(tx: Transaction, job_id: str) -> bool:
    """Delete a job that has ended; False where there is none, or it has not ended."""
    tx.turn(REMOVALS)
    found = [row for row in tx.rows(tx.statements.ended, id=job_id) if row["state"] in ENDED]
    remove(tx, found)
    return bool(found)


def pause(tx: Transaction, queue: str, is_paused: bool) -> None:
    """Stop or resume claims from a queue, which need not hold jobs."""
    if is_paused:
        tx.run_each(tx.statements.add_paused, [{"namespace": tx.namespace, "queue": queue}])
    else:
        tx.run(tx.statements.remove_paused, queue=queue)
        tx.news.queues.add(queue)
