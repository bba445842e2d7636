"""The page of one job: its life, its errors, and why it is not running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from asyncendpoints._core import is_job_id
from asyncendpoints.dashboard.actions import possible
from asyncendpoints.dashboard.fingerprints import kind_of, read_problem
from asyncendpoints.dashboard.look import Missing, Page
from asyncendpoints.errors import JobNotFound
from asyncendpoints.reasons import why_not_running
from asyncendpoints.request import decode_request
from asyncendpoints.result import decode_meta

if TYPE_CHECKING:
    from asyncendpoints.dashboard.fingerprints import Problem
    from asyncendpoints.dashboard.look import Look
    from asyncendpoints.job import Job
    from asyncendpoints.request import StoredRequest
    from asyncendpoints.settings import Settings

SHOWN_RUNS: Final = 50
"""How many runs the page shows: the last ones."""
_BAR: Final = 960.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a job's life, in the picture of it."""

    kind: str
    x: float
    width: float
    text: str


async def find_job(look: Look) -> Job:
    """Return the job that the page's path names.

    Raises:
        Missing: There is none.
    """
    job_id = look.path["job_id"]
    if not is_job_id(job_id):
        raise Missing("There is no such job: this is not a job's id.")
    try:
        return await look.engine.get(job_id)
    except JobNotFound:
        raise Missing(
            "There is no such job. It may have been deleted, or removed when its retention had passed."
        ) from None


async def job_page(look: Look) -> Page:
    """Show one job.

    Raises:
        Missing: There is none.
    """
    job = await find_job(look)
    snapshot = await look.snapshot()
    settings = look.engine.settings
    runs = job.runs
    return Page(
        "job",
        f"{job.handler} {job.job_id}",
        {
            "now": snapshot.now,
            "job": job,
            "reasons": [] if job.done else why_not_running(job, snapshot.stats, snapshot.past.signs, snapshot.now),
            "error": _error(job.error, settings),
            "kind": kind_of(job.error) if job.state == "failed" else None,
            "runs": [(run, _error(run.error, settings)) for run in reversed(runs[-SHOWN_RUNS:])],
            "more_runs": max(len(runs) - SHOWN_RUNS, 0),
            "stretches": stretches(job, snapshot.now),
            "progress": _progress(job),
            "request": _request(job),
            "media_type": _media_type(job),
            "actions": possible(job) if look.grant.acts else [],
            "links": _links(job, look),
            "bodies": look.grant.sees_bodies,
        },
        live=not job.done,
    )


def _error(error: bytes | None, settings: Settings) -> Problem | None:
    if error is None:
        return None
    problem = read_problem(error)
    # What was stored while tracebacks were exposed is not shown once they no longer are.
    return problem if settings.expose_tracebacks else problem._replace(traceback="")


def _progress(job: Job) -> dict[str, Any] | None:
    if job.progress is None:
        return None
    told = read_problem(job.progress).members
    percent, message, data = told.get("percent"), told.get("message"), told.get("data")
    return {
        "percent": float(min(max(percent, 0), 100)) if isinstance(percent, (int, float)) else None,
        "message": None if message is None else str(message),
        "data": None if data is None else msgspec.json.encode(data),
    }


def _request(job: Job) -> StoredRequest | None:
    if job.request is None:
        return None
    try:
        return decode_request(job.request)
    except msgspec.MsgspecError:
        return None


def _media_type(job: Job) -> str | None:
    if job.result_meta is None:
        return None
    try:
        return decode_meta(job.result_meta).media_type
    except msgspec.MsgspecError:
        return None


def _links(job: Job, look: Look) -> list[tuple[str, str]]:
    """Return the HTTP resources of the job, where the application has them."""
    if look.jobs_root is None:
        return []
    settings = look.engine.settings
    base = quote(look.jobs_root + settings.jobs_path.rstrip("/"))
    status = base + settings.status_path.replace("{job_id}", job.job_id)
    return [
        ("Status", status),
        ("Result", f"{base}/{job.job_id}/result"),
        ("Events", f"{base}/{job.job_id}/events"),
    ]


def stretches(job: Job, now: int) -> list[Stretch]:
    """Return the parts of a job's life as a picture has them: waiting, and runs by their outcome."""
    until = job.finished_at or job.updated_at if job.done else max(now, job.updated_at)
    whole = max(until - job.created_at, 1)
    found: list[Stretch] = []

    def add(kind: str, begins_at: int, ends_at: int, text: str) -> None:
        x = max(begins_at - job.created_at, 0) / whole * _BAR
        width = max((ends_at - begins_at) / whole * _BAR, 2.0)
        found.append(Stretch(kind, round(min(x, _BAR - 2), 1), round(min(width, _BAR - x + 2), 1), text))

    waits_since = job.created_at
    for run in job.runs[-SHOWN_RUNS:]:
        if run.started_at > waits_since:
            add("waiting", waits_since, run.started_at, "waiting")
        ends_at = run.finished_at or until
        add(run.outcome or "running", run.started_at, ends_at, f"run {run.number}: {run.outcome or 'running'}")
        waits_since = ends_at
    if until > waits_since:
        add("waiting", waits_since, until, "waiting")
    return found
