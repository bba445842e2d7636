"""A handler may block its loop, or keep the interpreter's lock in C: its lease holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.faults.invariants import assert_invariants

if TYPE_CHECKING:
    from tests.support.faults.world import World

LEASES = 5


async def test_a_blocking_handler_is_not_started_twice(world: World) -> None:
    """LSE-3a, LSE-3b: For five leases the loop is blocked, or the GIL is held; idle workers do not get the job."""
    async with world.client() as jobs:
        accepted = [(await jobs.submit(handler, LEASES * 1.0)).job.job_id for handler in ("block", "hold")]
        _ = [world.worker(concurrency=1) for _ in range(4)]
        ended = await assert_invariants(jobs, accepted, world.journal)
    assert [len(world.journal.starts(job_id)) for job_id in accepted] == [1, 1]
    assert [[run.outcome for run in job.runs] for job in ended.values()] == [["completed"], ["completed"]]
