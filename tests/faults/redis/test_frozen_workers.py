"""A worker that sleeps past its leases wakes up without rights: every write of its old runs is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.faults.invariants import all_ended, assert_sound
from tests.support.faults.rounds import rounds
from tests.support.faults.waiting import eventually

if TYPE_CHECKING:
    from asyncendpoints import AsyncEndpoints
    from tests.support.faults.journal import Entry
    from tests.support.faults.world import World
    from tests.support.processes import Process

LEASE = 1.0
FROZEN_AT_ONCE = 10
PAYLOAD = 1.5


async def test_a_frozen_workers_writes_are_refused_when_it_thaws(world: World) -> None:
    """LSE-2: Frozen past three leases, while another worker does its job, it can change nothing of it any more."""
    async with world.client() as jobs:
        for _ in range(rounds(usual=2, campaign=10)):
            await _freeze_and_thaw(world, jobs)
        await assert_sound(jobs)


async def _freeze_and_thaw(world: World, jobs: AsyncEndpoints) -> None:
    zombies = [world.worker(concurrency=1) for _ in range(FROZEN_AT_ONCE)]
    accepted = [(await jobs.submit("report", PAYLOAD)).job.job_id for _ in zombies]
    held = [await _freeze_in_a_run(world, jobs, zombie, accepted) for zombie in zombies]
    healthy = world.worker(concurrency=16)
    await asyncio.sleep(3 * LEASE)
    ended = await all_ended(jobs, accepted, within=60.0)
    for zombie in zombies:
        zombie.thaw()
    await _left(world, held)
    # A stopped worker has written whatever it was going to write.
    assert [zombie.stop() for zombie in zombies] == [0] * len(zombies), [zombie.output for zombie in zombies]
    for run in held:
        job = await jobs.get(run.job_id)
        before = ended[run.job_id]
        assert (job.version, job.progress, job.result) == (before.version, before.progress, before.result)
        assert job.result == str(healthy.pid).encode(), "the second worker's run is the one that counts"
        assert [(each.number, each.outcome) for each in job.runs] == [
            *((number, "lost") for number in range(1, run.fence + 1)),
            (run.fence + 1, "completed"),
        ]
    healthy.kill()


async def _freeze_in_a_run(world: World, jobs: AsyncEndpoints, zombie: Process, accepted: list[str]) -> Entry:
    """Freeze a worker while it is in the middle of a run, and return the run's start."""
    async with asyncio.timeout(60):
        while True:
            assert zombie.running, zombie.output
            zombie.freeze()
            noted = [entry for entry in world.journal.entries() if entry.pid == zombie.pid and entry.word != "effect"]
            if noted and noted[-1].word == "start":
                return noted[-1]
            zombie.thaw()
            if noted:
                # It was quick, or others were: there has to be a run that it can be frozen in.
                accepted.append((await jobs.submit("report", PAYLOAD)).job.job_id)
            await asyncio.sleep(0.05)


async def _left(world: World, held: list[Entry]) -> None:
    """Wait until the handlers of the frozen runs have ended, in whatever way."""
    runs = {(entry.job_id, entry.fence) for entry in held}

    def left() -> set[tuple[str, int]]:
        entries = world.journal.entries()
        return {(entry.job_id, entry.fence) for entry in entries if entry.word in {"end", "stopped"}}

    await eventually(lambda: runs <= left())
