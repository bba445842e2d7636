"""An API process that kills itself before it has stored a job, or between that and its answer: as the key says."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from tests.support.faults.api import app, jobs
from tests.support.faults.killing import AFTER, BEFORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Enqueued, NewJob

__all__ = ["app"]

_store: Any = jobs.engine.store
_enqueue = _store.enqueue


async def _enqueue_and_die(new: Sequence[NewJob], **how: Any) -> list[Enqueued]:
    keys = {job.key for job in new}
    if BEFORE in keys:
        os.kill(os.getpid(), signal.SIGKILL)
    answers = await _enqueue(new, **how)
    if AFTER in keys:
        os.kill(os.getpid(), signal.SIGKILL)
    return answers


_store.enqueue = _enqueue_and_die
