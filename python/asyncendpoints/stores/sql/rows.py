"""A job as a row, and a row as a reader or a worker sees it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Claim, Expired, Job, Run, fingerprint_of
from asyncendpoints.stores.sql.tables import (
    COMPLETED,
    ENDED,
    FAILED,
    IN_PROGRESS,
    QUEUED,
    SCHEDULED,
    outcome_of,
    place_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

    from asyncendpoints.job import NewJob

KEY_MS: Final = 24 * 60 * 60 * 1_000
"""How long a key is remembered after its job's creation, at least (IDM-4)."""
NEW: Final = (
    "namespace", "job_id", "queue", "state", "place", "ready_at", "version", "priority", "attempt", "max_attempts",
    "fence", "created_at", "updated_at", "scheduled_at", "stripped", "timeout_ms", "retention_completed_ms",
    "retention_failed_ms", "handler", "owner", "scope", "request_id", "fingerprint", "key_digest", "redrive_of",
    "origin", "request", "payload",
)  # fmt: skip
"""What a new job has. All else comes later."""


_SAID: Final = {"request_id": "key"}
"""What a new job calls what is in a column, where that is not the column's name."""
_LABEL: Final = 16
"""How many characters of what stands for a key come from the key alone; 192 bits are left for its scope and it."""


def label_of(text: str) -> str:
    """Return what stands for a text of any length in a key of a table."""
    return fingerprint_of(text.encode()).hex()


def key_digest(scope: str, key: str) -> str:
    """Return what stands for a key in its scope: it begins as `key_prefix` says, whatever the scope is."""
    return key_prefix(key) + fingerprint_of(scope.encode(), key.encode()).hex()[_LABEL:]


def key_prefix(key: str) -> str:
    """Return how what stands for this key begins in every scope, so that one index finds it in one and in all."""
    return label_of(key)[:_LABEL]


def new_row(namespace: str, job: NewJob, now: int) -> dict[str, Any]:
    """Return the row of a job that is stored at `now`."""
    delay_ms = job.delay_ms
    ready_at = now + delay_ms
    # A new job waits for its time, or for a worker.
    state = SCHEDULED if delay_ms else QUEUED
    key = job.key
    return {
        "namespace": namespace,
        "job_id": job.job_id,
        "queue": job.queue,
        "state": state,
        "place": place_of(state, job.priority, ready_at),
        "ready_at": ready_at,
        "version": 1,
        "priority": job.priority,
        "attempt": 0,
        "max_attempts": job.max_attempts,
        "fence": 0,
        "created_at": now,
        "updated_at": now,
        "scheduled_at": ready_at if delay_ms else None,
        "stripped": False,
        "timeout_ms": job.timeout_ms,
        "retention_completed_ms": job.retention_completed_ms,
        "retention_failed_ms": job.retention_failed_ms,
        "handler": job.handler,
        "owner": job.owner,
        "scope": job.scope,
        "request_id": key,
        "fingerprint": job.fingerprint,
        "key_digest": None if key is None else key_digest(job.scope or "", key),
        "redrive_of": job.redrive_of,
        "origin": job.origin,
        "request": job.request,
        "payload": job.payload,
    }


def columns_of(new: Sequence[NewJob], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return what new jobs have in these columns, which depend on nothing but them."""
    columns = {name: list(map(attrgetter(_SAID.get(name, name)), new)) for name in names if name != "key_digest"}
    columns["key_digest"] = [None if job.key is None else key_digest(job.scope or "", job.key) for job in new]
    return columns


def new_job(row: Mapping[str, Any]) -> Job:
    """Return the job of such a row."""
    return Job(
        job_id=row["job_id"],
        handler=row["handler"],
        queue=row["queue"],
        state=state_of(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        priority=row["priority"],
        max_attempts=row["max_attempts"],
        timeout_ms=row["timeout_ms"],
        retention_completed_ms=row["retention_completed_ms"],
        retention_failed_ms=row["retention_failed_ms"],
        scheduled_at=row["scheduled_at"],
        due_at=row["scheduled_at"],
        scope=row["scope"],
        request_id=row["request_id"],
        fingerprint=row["fingerprint"],
        owner=row["owner"],
        redrive_of=row["redrive_of"],
        origin=row["origin"],
        request=row["request"],
        payload=row["payload"],
    )


def queued_at_once(job: NewJob, now: int) -> Job:
    """Return a new job that may begin at once, as it is stored at `now`."""
    return Job(
        job_id=job.job_id,
        handler=job.handler,
        queue=job.queue,
        state="queued",
        version=1,
        created_at=now,
        updated_at=now,
        priority=job.priority,
        max_attempts=job.max_attempts,
        timeout_ms=job.timeout_ms,
        retention_completed_ms=job.retention_completed_ms,
        retention_failed_ms=job.retention_failed_ms,
        scope=job.scope,
        request_id=job.key,
        fingerprint=job.fingerprint,
        owner=job.owner,
        redrive_of=job.redrive_of,
        origin=job.origin,
        request=job.request,
        payload=job.payload,
    )


def end_times(row: Mapping[Any, Any], to: int, now: int) -> dict[str, int | None]:
    """Return when the parts of a job go that comes to a state now: nothing goes of one that has not ended."""
    if to not in ENDED:
        return {"expires": None, "strips": None, "prunes": None}
    kept_ms = row["retention_completed_ms"] if to == COMPLETED else row["retention_failed_ms"]
    expires_at = now + kept_ms
    forgotten_at = expires_at
    if row["key_digest"] is not None:
        forgotten_at = max(expires_at, row["created_at"] + KEY_MS)
    return {
        "expires": expires_at,
        "strips": expires_at if forgotten_at > expires_at else None,
        "prunes": forgotten_at,
    }


def job_of(row: Mapping[Any, Any], earlier: Sequence[RowMapping] = ()) -> Job:
    """Return the job of a row and its earlier runs."""
    state = row["state"]
    # What was read later than the job may know more of it.
    found = [_run_of(run) for run in earlier if run["number"] < row["fence"]]
    if row["fence"]:
        found.append(_newest_run(row))
    return Job(
        job_id=row["job_id"],
        handler=row["handler"],
        queue=row["queue"],
        state=state_of(state),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        priority=row["priority"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        timeout_ms=row["timeout_ms"],
        retention_completed_ms=row["retention_completed_ms"],
        retention_failed_ms=row["retention_failed_ms"],
        scheduled_at=row["scheduled_at"],
        due_at=row["ready_at"] if state == SCHEDULED else None,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        expires_at=row["expires_at"],
        cancel_requested_at=row["cancel_requested_at"],
        fence=row["fence"],
        lease_until=row["lease_until"] if state == IN_PROGRESS else None,
        scope=row["scope"],
        request_id=row["request_id"],
        fingerprint=row["fingerprint"],
        owner=row["owner"],
        redrive_of=row["redrive_of"],
        origin=row["origin"],
        progress=row["progress"],
        result=row["result"],
        result_meta=row["result_meta"],
        error=row["run_error"] if state == FAILED else None,
        runs=found,
        request=row["request"],
        payload=row["payload"],
        stripped=bool(row["stripped"]),
    )


def _newest_run(row: Mapping[Any, Any]) -> Run:
    return Run(
        number=row["fence"],
        started_at=row["run_started_at"],
        finished_at=row["run_finished_at"],
        outcome=outcome_of(row["run_outcome"]),
        error=row["run_error"],
        worker=row["run_worker"],
    )


def _run_of(row: Mapping[Any, Any]) -> Run:
    return Run(
        number=row["number"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        outcome=outcome_of(row["outcome"]),
        error=row["error"],
        worker=row["worker"],
    )


def claims_of(rows: Sequence[Any], now: int) -> list[Claim]:
    """Return what a worker is told of jobs that it claims now, from `place` and the columns `CLAIMED` before that."""
    return [
        Claim(
            job_id=job_id,
            fence=fence + 1,
            handler=handler,
            queue=queue,
            attempt=attempt + 1 if attempt < max_attempts else max_attempts,
            max_attempts=max_attempts,
            timeout_ms=timeout_ms,
            created_at=created_at,
            ready_at=ready_at,
            started_at=now,
            priority=priority,
            request_id=request_id,
            owner=owner,
            request=request,
            payload=payload,
        )
        for (
            _, job_id, fence, handler, queue, attempt, max_attempts, timeout_ms, created_at, ready_at, priority,
            request_id, owner, request, payload,
        ) in rows
    ]  # fmt: skip


def expired_of(row: Mapping[Any, Any]) -> Expired:
    """Return the facts for a rescue."""
    return Expired(
        job_id=row["job_id"],
        fence=row["fence"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        cancel_requested=row["cancel_requested_at"] is not None,
        handler=row["handler"],
        queue=row["queue"],
    )
