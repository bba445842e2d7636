"""What the exit codes of commands mean, for scripts."""

from __future__ import annotations

from typing import Final

from asyncendpoints.worker_command import FAILED, MISUSED

__all__ = ["DONE", "FAILED", "MISUSED", "NOT_FOUND", "OPERATOR_CODES", "REFUSED"]

DONE: Final = 0
"""It is done, or there was nothing to do."""
NOT_FOUND: Final = 5
"""A job that was named does not exist."""
REFUSED: Final = 6
"""A job that was named is not in a state for it, a queue is full, or a confirmation is missing."""

OPERATOR_CODES: Final = (
    "Exit codes: 0 done; 1 the store does not answer; 2 a mistake in the command line or the configuration; 5 a job "
    "does not exist; 6 refused, because of the job's state, a full queue or a missing --yes. Where several jobs are "
    "named and they differ, 5 goes before 6."
)
