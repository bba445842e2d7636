"""The steps of a job's life in the log: an end is one line, and so is everything that an operator should know of a run.

What goes as it should is DEBUG, but for ends, which are INFO, and failures, which are WARNING.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from asyncendpoints import _core
from asyncendpoints.observability.logging import about, about_job, log_safely, printable
from asyncendpoints.observability.tracebacks import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Claim
    from asyncendpoints.execution import Run
    from asyncendpoints.failures import Outcome
    from asyncendpoints.job import Job

_log: Final = logging.getLogger("asyncendpoints.job")


def logs_every_end() -> bool:
    """Tell whether jobs that ended well are logged at all, which spares the hot path the rest."""
    return _log.isEnabledFor(logging.INFO)


def log_step(job: Job, what: str) -> None:
    """Say what has happened to a job outside of its runs.

    Args:
        job: The job.
        what: A phrase whose subject it is.
    """
    if _log.isEnabledFor(logging.DEBUG):
        _say_of_job(job, logging.DEBUG, what)


def log_cancel(job: Job, *, ended: bool) -> None:
    """Say that a cancel was asked for, which ends a job that waits, and tells the handler of one that runs."""
    if ended:
        _say_of_job(job, logging.INFO, "canceled before it ran", outcome="canceled")
    else:
        log_step(job, "is asked to end")


def _say_of_job(job: Job, level: int, what: str, **fields: object) -> None:
    extra = {**about_job(job.job_id, job.request_id, endpoint=job.handler, queue=job.queue), **fields}
    log_safely(_log, level, "job %s (%s) %s", job.job_id, printable(job.handler), what, extra=extra)


def log_starts(claims: Sequence[Claim]) -> None:
    """Say which runs begin."""
    if not _log.isEnabledFor(logging.DEBUG):
        return
    for claim in claims:
        name, numbers = f"job {claim.job_id} ({printable(claim.handler)})", (claim.attempt, claim.max_attempts)
        log_safely(_log, logging.DEBUG, "%s starts, attempt %d of %d", name, *numbers, extra=about(claim))


def log_end(run: Run, outcome: Outcome, state: str) -> None:
    """Say what became of a run: its job's end, or that it will be tried again."""
    claim = run.claim
    if state == "completed":
        level, what = logging.INFO, "completed"
    elif state == "failed":
        level, what = logging.WARNING, f"failed: {printable(outcome.reason)}"
    elif state == "canceled":
        level, what = logging.INFO, "canceled"
    elif state == "stale":
        level = logging.WARNING
        what = "was no longer this run's when it ended: its lease had expired and another run has it"
    else:
        level, what = logging.INFO, f"goes back to the queue ({state}): {printable(outcome.reason)}"
    arguments = (what, claim.attempt, claim.max_attempts)
    _say(
        run,
        level,
        "%s %s, attempt %d of %d",
        *arguments,
        duration=run.duration,
        outcome=recorded_outcome(outcome, state),
    )


def log_raised(run: Run, error: BaseException) -> None:
    """Show the traceback of what a handler raised."""
    if not _log.isEnabledFor(logging.WARNING):
        return
    indented = "\n".join(f"    {line}" for line in describe(error).split("\n"))
    _say(run, logging.WARNING, "%s raised in attempt %d\n%s", run.claim.attempt, indented)


def log_overdue(run: Run) -> None:
    """Say that a handler does not end although it was cancelled."""
    _say(run, logging.WARNING, "%s goes on although it was told to end; its slot stays taken until it does")


def recorded_outcome(outcome: Outcome, state: str) -> str:
    """Return how the run ended, as its job's record says it."""
    canceled = state == "canceled"
    return _core.decide(outcome.event, attempt=1, max_attempts=1, cancel_requested=canceled).outcome


def _say(run: Run, level: int, message: str, *arguments: object, **fields: object) -> None:
    claim = run.claim
    name = f"job {claim.job_id} ({printable(claim.handler)})"
    log_safely(_log, level, message, name, *arguments, extra={**about(claim), **fields})
