"""How jobs are written: as tables and pages for people, and as the job resource for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints._core import JobUrls
from asyncendpoints.commands.tables import pairs, table
from asyncendpoints.dashboard.formats import ago, moment
from asyncendpoints.http.representation import encode_job
from asyncendpoints.observability.durations import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.job import Job, Run
    from asyncendpoints.reasons import Reason

_URL_MEMBERS: Final = ("statusUrl", "resultUrl", "eventsUrl", "cancelUrl")
_NO_URLS: Final = JobUrls(status="/{job_id}", result="/{job_id}", events="/{job_id}", cancel="/{job_id}")


def job_members(job: Job) -> dict[str, Any]:
    """Return the job resource without its URLs, which a command line cannot know, and with what operators see."""
    members: dict[str, Any] = json.loads(encode_job(job, _NO_URLS))
    for name in _URL_MEMBERS:
        del members[name]
    return {**members, "queue": job.queue, "priority": job.priority, "owner": job.owner}


def as_json(document: Any) -> str:
    """Return a document as text; control characters in it are escaped, as JSON wants it."""
    return json.dumps(document, indent=2) + "\n"


def job_table(jobs: Sequence[Job], now: int, *, within: int | None) -> str:
    """Return a table of jobs."""
    heads = ("JOB", "STATUS", "ENDPOINT", "QUEUE", "ATTEMPT", "CREATED", "ERROR")
    rows = [
        (
            job.job_id,
            job.state,
            job.handler,
            job.queue,
            f"{job.attempt}/{job.max_attempts}",
            ago(job.created_at, now),
            problem_text(job.error),
        )
        for job in jobs
    ]
    return table(heads, rows, within=within, shrinks=("ENDPOINT", "QUEUE", "ERROR"))


def job_page(job: Job, reasons: Sequence[Reason], now: int, *, within: int | None) -> str:
    """Return everything about a job but its payload and its result."""
    text = f"Job {job.job_id}\n" + pairs(
        [
            ("status", job.state),
            ("endpoint", job.handler),
            ("queue", job.queue),
            ("priority", str(job.priority) if job.priority else None),
            ("owner", job.owner),
            ("idempotency key", job.request_id),
            ("attempt", f"{job.attempt} of {job.max_attempts}"),
            ("created", _when(job.created_at, now)),
            ("scheduled", _when(job.scheduled_at, now)),
            ("next attempt", _when(job.due_at, now)),
            ("started", _when(job.started_at, now)),
            ("finished", _when(job.finished_at, now)),
            ("cancel asked for", _when(job.cancel_requested_at, now)),
            ("result kept until", _when(job.expires_at, now)),
            ("progress", _progress_text(job.progress)),
            ("result", None if job.result is None else f"{len(job.result)} bytes"),
            ("error", problem_text(job.error) or None),
            ("repeats", job.redrive_of),
        ]
    )
    if job.runs:
        text += f"\nAttempts\n{_timeline(job.runs, now, within=within)}"
    if not job.done:
        text += "\nWhy it is not running\n" if job.state != "in_progress" else "\nNow\n"
        for reason in reasons:
            text += f"  {reason.text}\n" + (f"    {reason.remedy}\n" if reason.remedy else "")
    return text


def _timeline(runs: Sequence[Run], now: int, *, within: int | None) -> str:
    heads = ("RUN", "STARTED", "LASTED", "OUTCOME", "WORKER", "ERROR")
    rows = [
        (
            str(run.number),
            moment(run.started_at),
            in_words((now if run.finished_at is None else run.finished_at) - run.started_at),
            run.outcome or "running",
            run.worker,
            problem_text(run.error),
        )
        for run in runs
    ]
    return table(heads, rows, within=within, shrinks=("WORKER", "ERROR"))


def problem_text(error: bytes | None) -> str:
    """Return what a stored problem says, in a line; empty where there is none."""
    members = _object(error)
    return str(members.get("detail") or members.get("title") or "")


def _progress_text(progress: bytes | None) -> str | None:
    if progress is None:
        return None
    members = _object(progress)
    percent, message = members.get("percent"), members.get("message")
    return " ".join(str(part) for part in (None if percent is None else f"{percent} %", message) if part is not None)


def _object(body: bytes | None) -> dict[str, Any]:
    if body is None:
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"detail": "(cannot be read)"}


def _when(at: int | None, now: int) -> str | None:
    return None if at is None else f"{moment(at)} ({ago(at, now)})"
