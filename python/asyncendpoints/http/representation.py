"""The one representation of a job over HTTP: the job resource of the HTTP contract, section 2."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import job_resource
from asyncendpoints.errors import MalformedPayload
from asyncendpoints.result import decode_meta
from asyncendpoints.strict_json import check_json

if TYPE_CHECKING:
    from asyncendpoints.clock import Clock
    from asyncendpoints.http.urls import JobUrls
    from asyncendpoints.job import Job

INLINE_LIMIT: Final = 65_536
"""Larger results are not inlined, in bytes."""

_MAX_RETRY_AFTER: Final = 60


def encode_job(job: Job, urls: JobUrls) -> bytes:
    """Return the job resource as JSON."""
    return job_resource(job, urls, inline_result(job) if job.state == "completed" else None)


def inline_result(job: Job) -> bytes | None:
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
            check_json(body, max_depth=INLINE_LIMIT)
        except MalformedPayload:
            return None
    return body


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
