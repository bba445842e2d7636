"""One line for the end of a job, and one for everything that an operator should know of a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from asyncendpoints.observability.logging import about, log_safely, printable
from asyncendpoints.observability.tracebacks import describe

if TYPE_CHECKING:
    from asyncendpoints.execution import Run
    from asyncendpoints.failures import Outcome

_log: Final = logging.getLogger("asyncendpoints.job")


def logs_every_end() -> bool:
    """Tell whether jobs that ended well are logged at all, which spares the hot path the rest."""
    return _log.isEnabledFor(logging.INFO)


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
    _say(run, level, "%s %s, attempt %d of %d", what, claim.attempt, claim.max_attempts)


def log_raised(run: Run, error: BaseException) -> None:
    """Show the traceback of what a handler raised."""
    if not _log.isEnabledFor(logging.WARNING):
        return
    indented = "\n".join(f"    {line}" for line in describe(error).split("\n"))
    _say(run, logging.WARNING, "%s raised in attempt %d\n%s", run.claim.attempt, indented)


def log_overdue(run: Run) -> None:
    """Say that a handler does not end although it was cancelled."""
    _say(run, logging.WARNING, "%s goes on although it was told to end; its slot stays taken until it does")


def _say(run: Run, level: int, message: str, *arguments: object) -> None:
    claim = run.claim
    name = f"job {claim.job_id} ({printable(claim.handler)})"
    log_safely(_log, level, message, name, *arguments, extra=about(claim.job_id, claim.request_id))
