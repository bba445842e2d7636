"""Killing one worker after the other while jobs are submitted, and API processes that kill themselves."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from tests.support.faults.invariants import assert_invariants

if TYPE_CHECKING:
    from asyncendpoints import AsyncEndpoints
    from tests.support.faults.world import World
    from tests.support.processes import Process

BEFORE: Final = "die-before-the-write"
AFTER: Final = "die-between-write-and-answer"
"""The idempotency keys of which `tests.support.faults.dying` dies."""
HANDLERS: Final = ("work", "work", "fail", "effect")
SOMETIME: Final = 0.1
"""The longest time from a worker's first run to its death, in seconds: a claim, some runs, a renewal, a settle."""


async def kill_workers(world: World, times: int) -> None:
    """Kill so many workers at random points; then every accepted job has ended once, within its attempts."""
    accepted: list[str] = []
    async with world.client() as jobs:
        workers = [world.worker(), world.worker()]
        for _ in range(times):
            worker = workers.pop(0)
            accepted += await _work_for(world, jobs, worker)
            await asyncio.sleep(random.uniform(0, SOMETIME))
            worker.kill()
            workers.append(world.worker())
        ended = await assert_invariants(jobs, accepted, world.journal)
    assert any(run.outcome == "lost" for job in ended.values() for run in job.runs), "no kill ever hit a run"


async def _work_for(world: World, jobs: AsyncEndpoints, worker: Process) -> list[str]:
    """Submit jobs until the worker has begun one, and return their ids."""
    accepted: list[str] = []
    async with asyncio.timeout(60):
        while not any(entry.pid == worker.pid for entry in world.journal.entries()):
            assert worker.running, worker.output
            handler, seconds = random.choice(HANDLERS), random.uniform(0, SOMETIME)
            submission = await jobs.submit(handler, seconds, delay=random.choice((0.0, 0.05)))
            accepted.append(submission.job.job_id)
            await asyncio.sleep(0.02)
    return accepted
