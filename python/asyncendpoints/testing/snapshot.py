"""A job as plain values, so that two of them can be compared and their difference read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncendpoints.job import Job, Run

JOB_FIELDS: Final = (
    "job_id",
    "handler",
    "queue",
    "state",
    "version",
    "priority",
    "attempt",
    "max_attempts",
    "timeout_ms",
    "retention_completed_ms",
    "retention_failed_ms",
    "created_at",
    "scheduled_at",
    "due_at",
    "started_at",
    "finished_at",
    "updated_at",
    "expires_at",
    "cancel_requested_at",
    "fence",
    "lease_until",
    "scope",
    "request_id",
    "fingerprint",
    "owner",
    "redrive_of",
    "origin",
    "progress",
    "result",
    "result_meta",
    "error",
    "request",
    "payload",
    "stripped",
)
"""Every field of a job but its runs."""

CLAIM_FIELDS: Final = (
    "job_id", "fence", "handler", "queue", "attempt", "max_attempts", "timeout_ms", "created_at", "ready_at",
    "started_at", "priority", "request_id", "owner", "request", "payload",
)  # fmt: skip
"""Every field of a claim."""

RUN_FIELDS: Final = ("number", "started_at", "finished_at", "outcome", "error", "worker")
"""Every field of a run."""


def snapshot(job: Job) -> dict[str, Any]:
    """Return every field of a job, its runs as dictionaries of theirs."""
    picture: dict[str, Any] = {name: getattr(job, name) for name in JOB_FIELDS}
    picture["runs"] = [snapshot_run(run) for run in job.runs]
    return picture


def snapshot_run(run: Run) -> dict[str, Any]:
    """Return every field of a run."""
    return {name: getattr(run, name) for name in RUN_FIELDS}
