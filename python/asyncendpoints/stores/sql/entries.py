"""A submission as a row of the outbox: what is written of it, and what it is to a reader and to a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints._core import Job, NewJob
from asyncendpoints.stores.outbox import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW: Final = ("namespace", "job_id", "queue", "written_at", "ready_at", "next_at", "turn", "record")
"""The columns of an entry that has been written just now."""


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """What is kept of a job; members are added at the end, and only with a default."""

    handler: str
    priority: int
    max_attempts: int
    timeout_ms: int
    retention_completed_ms: int
    retention_failed_ms: int
    scope: str | None
    key: str | None
    fingerprint: bytes | None
    owner: str | None
    request: bytes | None
    payload: bytes | None
    redrive_of: str | None
    origin: str | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Record).decode


def new_row(namespace: str, job: NewJob, now: int) -> dict[str, Any]:
    """Return the row of a job that is submitted at `now`."""
    record = _Record(**{name: getattr(job, name) for name in _Record.__struct_fields__})
    return {
        "namespace": namespace,
        "job_id": job.job_id,
        "queue": job.queue,
        "written_at": now,
        "ready_at": now + job.delay_ms,
        "next_at": now,
        "turn": 0,
        "record": _encode(record),
    }


def entry_of(row: Mapping[Any, Any], now: int) -> Entry:
    """Return an entry for the relay that takes it now; what is left of its delay passes in the store."""
    try:
        record = _decode(row["record"])
        job = NewJob(
            job_id=row["job_id"],
            queue=row["queue"],
            delay_ms=max(row["ready_at"] - now, 0) if row["ready_at"] > row["written_at"] else 0,
            **{name: getattr(record, name) for name in _Record.__struct_fields__},
        )
    except (msgspec.DecodeError, ValueError):
        job = None
    return Entry(job_id=row["job_id"], turn=row["turn"] + 1, job=job)


def job_of(row: Mapping[Any, Any], now: int) -> Job:
    """Return an entry as a reader sees it: as it will be stored, or, where it was refused, as a failed job."""
    try:
        record = _decode(row["record"])
    except msgspec.DecodeError:
        record = _UNREADABLE
    written_at, ready_at, problem = row["written_at"], row["ready_at"], row["problem"]
    is_delayed = ready_at > written_at
    state = "failed" if problem is not None else "scheduled" if is_delayed and ready_at > now else "queued"
    retention_ms = record.retention_failed_ms
    ended_at = None if row["prune_at"] is None else row["prune_at"] - retention_ms
    return Job(
        job_id=row["job_id"],
        handler=record.handler,
        queue=row["queue"],
        state=state,
        version=1 if problem is None else 2,
        created_at=written_at,
        updated_at=written_at if ended_at is None else ended_at,
        priority=record.priority,
        max_attempts=record.max_attempts,
        timeout_ms=record.timeout_ms,
        retention_completed_ms=record.retention_completed_ms,
        retention_failed_ms=retention_ms,
        scheduled_at=ready_at if is_delayed else None,
        due_at=ready_at if state == "scheduled" else None,
        finished_at=ended_at,
        expires_at=row["prune_at"],
        scope=record.scope,
        request_id=record.key,
        fingerprint=record.fingerprint,
        owner=record.owner,
        redrive_of=record.redrive_of,
        origin=record.origin,
        error=problem,
        request=record.request,
        payload=record.payload,
    )


def kept_ms(row: Mapping[Any, Any]) -> int:
    """Return for how long a refused entry is kept: as long as a failed job."""
    try:
        return _decode(row["record"]).retention_failed_ms
    except msgspec.DecodeError:
        return _UNREADABLE.retention_failed_ms


_WEEK_MS: Final = 7 * 24 * 60 * 60 * 1_000
_UNREADABLE: Final = _Record(
    handler="(unreadable)",
    priority=0,
    max_attempts=1,
    timeout_ms=0,
    retention_completed_ms=_WEEK_MS,
    retention_failed_ms=_WEEK_MS,
    scope=None,
    key=None,
    fingerprint=None,
    owner=None,
    request=None,
    payload=None,
    redrive_of=None,
    origin=None,
)
