"""The one representation of a job, and the words for its states and outcomes.

The classes live in the Rust core; every store returns them, and nothing else stands for a job.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from asyncendpoints._core import Job, NewJob, Run

__all__ = ["TERMINAL_STATES", "Job", "JobState", "NewJob", "Outcome", "Run"]

JobState: TypeAlias = Literal["scheduled", "queued", "in_progress", "completed", "failed", "canceled"]
"""Where a job stands; the last three are terminal."""

Outcome: TypeAlias = Literal["completed", "error", "timeout", "canceled", "lost", "released"]
"""How one run ended."""

TERMINAL_STATES: Final[frozenset[str]] = frozenset({"completed", "failed", "canceled"})
