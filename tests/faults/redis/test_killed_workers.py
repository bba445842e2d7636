"""A worker that is killed loses nothing and doubles nothing, and others go on with its jobs (RES-1)."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.faults.invariants import all_ended, assert_invariants
from tests.support.faults.killing import kill_workers
from tests.support.faults.operations import learn_operations
from tests.support.faults.rounds import rounds
from tests.support.faults.waiting import eventually
from tests.support.faults.world import World
from tests.support.redis_proxy import Cut, RedisProxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.faults.operations import Operations
    from tests.support.processes import Process
    from tests.support.redis_server import RedisServer


@dataclass(frozen=True, slots=True)
class Point:
    """What a worker is doing when it is killed."""

    name: str
    operation: str
    """The store's operation whose command is waited for."""
    handler: str = "effect"
    seconds: float = 0.5
    delay: float = 0.0


POINTS = (
    Point("claim", "claim"),
    Point("promote", "claim", delay=0.2),
    Point("renew", "renew"),
    Point("progress", "progress"),
    Point("reserve", "reserve"),
    Point("record", "record"),
    Point("settle", "settle"),
    Point("retry", "settle", handler="fail", seconds=0.0),
    Point("sweep", "expired"),
    Point("rescue", "settle", seconds=1.5),
    Point("release", "settle", seconds=1.5),
)


async def test_workers_killed_at_random_points_lose_no_job(world: World) -> None:
    """RES-1: While one worker after the other is killed, every accepted job ends once, within its attempts."""
    await kill_workers(world, rounds(usual=100, campaign=500))


@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.name.lower())
async def test_a_worker_killed_at_a_transition_leaves_it_done_or_undone(
    server: RedisServer, proxy: RedisProxy, tmp_path: Path, cut: Cut
) -> None:
    """RES-1: Whatever a worker was writing when it was killed is there as a whole or not at all; the jobs go on."""
    operations = await learn_operations(proxy)
    await asyncio.gather(*(_killed_at(point, cut, operations, server, tmp_path) for point in POINTS))


async def _killed_at(point: Point, cut: Cut, operations: Operations, server: RedisServer, directory: Path) -> None:
    place = directory / point.name
    place.mkdir()
    with World(server.url(), place) as world, RedisProxy(server.port) as proxy:
        async with world.client() as jobs:
            submissions = [await jobs.submit(point.handler, point.seconds, delay=point.delay) for _ in range(3)]
            accepted = [submission.job.job_id for submission in submissions]
            if point.name == "rescue":
                await _begin_and_kill(world, len(accepted))
            victims: list[Process] = []
            fault = proxy.arm(cut, operations.is_(point.operation), then=lambda: victims[0].send(signal.SIGKILL))
            victims.append(world.worker(url=proxy.url()))
            if point.name == "release":
                await _began(world, len(accepted))
                victims[0].send(signal.SIGTERM)
            await eventually(fault.fired.is_set)
            assert victims[0].wait() == -signal.SIGKILL
            world.worker()
            await assert_invariants(jobs, accepted, world.journal)


async def _began(world: World, runs: int) -> None:
    """Wait until so many runs have been begun."""
    await eventually(lambda: sum(entry.word == "start" for entry in world.journal.entries()) >= runs)


async def _begin_and_kill(world: World, runs: int) -> None:
    worker = world.worker()
    await _began(world, runs)
    worker.kill()


async def test_a_killed_workers_job_runs_again_within_lease_and_sweep(world: World) -> None:
    """RES-1: With a lease of one second and a sweep at a third of it, the second start comes within seconds."""
    async with world.client() as jobs:
        submission = await jobs.submit("work", 0.5)
        victim = world.worker()
        await _began(world, 1)
        other = world.worker()
        victim.kill()
        killed_at = time.monotonic()
        ended = await assert_invariants(jobs, [submission.job.job_id], world.journal)
    _, again = world.journal.starts(submission.job.job_id)
    assert again.pid == other.pid
    # Twice what it may take, for a busy machine; without a rescue it would never come.
    assert again.at - killed_at < 2 * (1.0 + 1.0 / 3) + 1.0
    assert [run.outcome for run in ended[submission.job.job_id].runs] == ["lost", "completed"]


async def test_a_stopped_workers_job_runs_again_at_once(server: RedisServer, tmp_path: Path) -> None:
    """SHD-1: What a drain gives back, another worker starts long before the lease would have ended."""
    with World(server.url(), tmp_path, lease_for=600.0) as world:
        async with world.client() as jobs:
            submission = await jobs.submit("work", 1.5)
            leaving = world.worker()
            await _began(world, 1)
            other = world.worker()
            assert leaving.stop() == 0, leaving.output
            ended = await all_ended(jobs, [submission.job.job_id], within=60.0)
        _, again = world.journal.starts(submission.job.job_id)
        assert again.pid == other.pid
        assert [run.outcome for run in ended[submission.job.job_id].runs] == ["released", "completed"]
