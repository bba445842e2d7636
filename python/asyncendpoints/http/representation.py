"""The one representation of a job over HTTP: the job resource of the HTTP contract, section 2."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from asyncendpoints.result import decode_meta

if TYPE_CHECKING:
    from asyncendpoints.clock import Clock
    from asyncendpoints.http.urls import JobUrls
    from asyncendpoints.job import Job, Run

INLINE_LIMIT: Final = 65_536
"""Larger results are not inlined, in bytes."""

NO_KEY: Final = "This submission carried no idempotency key; if it is sent again, it runs again."

_MAX_RETRY_AFTER: Final = 60


class AttemptResource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One run of the job."""

    number: int
    started_at: str
    finished_at: str | None
    outcome: str | None
    error: msgspec.Raw | None
    worker: str


class JobResource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What a client sees of a job."""

    job_id: str
    request_id: str | None
    endpoint: str
    status: str
    done: bool
    created_at: str
    scheduled_at: str | None
    started_at: str | None
    finished_at: str | None
    updated_at: str
    expires_at: str | None
    attempt: int
    max_attempts: int
    next_attempt_at: str | None
    attempts: list[AttemptResource]
    progress: msgspec.Raw | None
    result: msgspec.Raw | None
    error: msgspec.Raw | None
    redrive_of: str | None
    cancel_requested_at: str | None
    warnings: tuple[str, ...]
    status_url: str
    result_url: str
    events_url: str
    cancel_url: str


_encode = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder().decode


def encode_job(job: Job, urls: JobUrls) -> bytes:
    """Return the job resource as JSON."""
    request_id = job.request_id
    state = job.state
    warnings = () if request_id is not None or job.request is None else (NO_KEY,)
    if job.version == 1:
        # As it was stored: most members have no value yet, and asking for each of them costs as much as the rest.
        created = timestamp(job.created_at)
        return _encode(
            JobResource(
                job.job_id,
                request_id,
                job.handler,
                state,
                False,
                created,
                _maybe(job.scheduled_at),
                None,
                None,
                created,
                None,
                0,
                job.max_attempts,
                _maybe(job.due_at) if state == "scheduled" else None,
                [],
                None,
                None,
                None,
                job.redrive_of,
                None,
                warnings,
                *urls,
            )
        )
    runs = job.runs
    return _encode(
        JobResource(
            job.job_id,
            request_id,
            job.handler,
            state,
            job.done,
            timestamp(job.created_at),
            _maybe(job.scheduled_at),
            _maybe(job.started_at),
            _maybe(job.finished_at),
            timestamp(job.updated_at),
            _maybe(job.expires_at),
            job.attempt,
            job.max_attempts,
            _maybe(job.due_at) if state == "scheduled" else None,
            [_attempt(run) for run in runs] if runs else [],
            _raw(job.progress),
            inline_result(job) if state == "completed" else None,
            _raw(job.error) if state == "failed" else None,
            job.redrive_of,
            _maybe(job.cancel_requested_at),
            warnings,
            *urls,
        )
    )


def inline_result(job: Job) -> msgspec.Raw | None:
    """Return a completed job's result where it is JSON and small enough to stand in the job resource."""
    body = job.result
    if body is None or len(body) > INLINE_LIMIT:
        return None
    stored = job.result_meta
    if stored is not None:
        meta = decode_meta(stored)
        if (meta.media_type or "").split(";", 1)[0].strip().lower() != "application/json":
            return None
        # The handler gave these bytes and said that they are JSON.
        try:
            _decode_any(body)
        except (msgspec.DecodeError, RecursionError):
            return None
    return msgspec.Raw(body)


def etag(job: Job) -> bytes:
    """Return the entity tag of a job's version; weak, because hosts and settings change the bytes."""
    return b'W/"%d"' % job.version


SOON: Final = (b"retry-after", b"1")
"""When to ask for a job that waits since just now."""


def retry_after(job: Job, clock: Clock) -> tuple[bytes, bytes]:
    """Return a sensible time for the next poll in whole seconds: when it is due, else by its age."""
    if job.done:
        return (b"retry-after", b"0")
    now = clock.store_now()
    if now is None:
        now = time.time_ns() // 1_000_000
    due = job.due_at
    if due is not None and job.state == "scheduled":
        seconds = -((now - due) // 1000)
    else:
        seconds = (now - job.updated_at) // 10_000
    return (b"retry-after", b"%d" % max(1, min(_MAX_RETRY_AFTER, seconds)))


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Format a whole second; those of one moment are asked for again and again."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def timestamp(at: int) -> str:
    """Return UTC milliseconds as RFC 3339."""
    return f"{_second(at // 1000)}.{at % 1000:03d}Z"


def _maybe(at: int | None) -> str | None:
    return None if at is None else f"{_second(at // 1000)}.{at % 1000:03d}Z"


def _raw(body: bytes | None) -> msgspec.Raw | None:
    return None if body is None else msgspec.Raw(body)


def _attempt(run: Run) -> AttemptResource:
    return AttemptResource(
        run.number,
        timestamp(run.started_at),
        _maybe(run.finished_at),
        run.outcome,
        _raw(run.error),
        run.worker,
    )
