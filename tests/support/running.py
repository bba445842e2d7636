"""Small things that many tests of the engine need."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from asyncendpoints import AsyncEndpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from asyncendpoints import Job
    from asyncendpoints.stores.base import Store

PATIENCE = 10.0
"""Real seconds after which a test that waits for something gives up."""


@asynccontextmanager
async def running(store: str | Store = "memory://", **settings: Any) -> AsyncIterator[AsyncEndpoints]:
    """Run an application's jobs on the machine's own clock."""
    jobs = AsyncEndpoints(store, **settings)
    async with jobs:
        yield jobs


async def ended(jobs: AsyncEndpoints, handler: str | Callable[..., Any], payload: Any = None, **submit: Any) -> Job:
    """Submit a job and return it once it has ended."""
    submission = await jobs.submit(handler, payload, **submit)
    return await jobs.wait(submission.job.job_id, PATIENCE)


async def until(condition: Callable[[], Any]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def problem(job: Job) -> dict[str, Any]:
    """Return the problem object of a failed job."""
    assert job.error is not None
    return json.loads(job.error)


def outcomes(job: Job) -> list[str | None]:
    """Return how each of its runs ended."""
    return [run.outcome for run in job.runs]
