"""Redis dies and comes back, or forgets its scripts: workers go on, and clients see neither."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreUnavailable
from tests.support.faults.invariants import assert_invariants
from tests.support.faults.rounds import rounds
from tests.support.faults.waiting import eventually
from tests.support.faults.world import World
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from asyncendpoints import AsyncEndpoints
    from tests.support.processes import Process

BACK_WITHIN = 10.0
"""Seconds within which every worker consumes again after a restart."""
PACE = 0.01
"""Seconds between two submissions."""


class Load:
    """Submissions that go on until told otherwise; each is repeated with its key until it is accepted."""

    def __init__(self, jobs: AsyncEndpoints, seconds: float) -> None:
        self._jobs = jobs
        self._seconds = seconds
        self._stopped = asyncio.Event()
        self.accepted: list[str] = []
        self.refusals: list[str] = []

    async def run(self) -> None:
        """Submit until stopped."""
        number = 0
        while not self._stopped.is_set():
            number += 1
            self.accepted.append(await self._submit(f"key-{number}"))
            await asyncio.sleep(PACE)

    async def _submit(self, key: str) -> str:
        while True:
            try:
                async with asyncio.timeout(60):
                    return (await self._jobs.submit("work", self._seconds, idempotency_key=key)).job.job_id
            except StoreUnavailable as error:
                self.refusals.append(str(error))
                await asyncio.sleep(PACE)

    def stop(self) -> None:
        """Let the submission under way be the last."""
        self._stopped.set()


async def test_a_restarted_redis_is_worked_on_at_once_and_has_lost_nothing(tmp_path: Path) -> None:
    """SUB-1: With `appendfsync always`, a killed Redis loses no accepted job, and all workers are back in 10 s."""
    with (
        RedisServer(appendonly=True, appendfsync="always") as server,
        World(server.url(), tmp_path) as world,
    ):
        async with world.client() as jobs, asyncio.TaskGroup() as tasks:
            load = Load(jobs, 0.02)
            submitting = tasks.create_task(load.run())
            workers = [world.worker(concurrency=1) for _ in range(2)]
            await _all_consume(world, workers, since=time.monotonic(), within=60.0)
            for _ in range(rounds(usual=20, campaign=100)):
                server.kill()
                await asyncio.sleep(random.uniform(0, 0.5))
                await asyncio.to_thread(server.restart)
                await _all_consume(world, workers, since=time.monotonic(), within=BACK_WITHIN)
                await asyncio.sleep(random.uniform(0, 0.2))
            load.stop()
            await submitting
            await assert_invariants(jobs, load.accepted, world.journal)


async def test_a_redis_that_comes_back_empty_is_worked_on(tmp_path: Path) -> None:
    """Without persistence everything is lost, and nothing else: workers give up their runs and take new jobs."""
    with RedisServer() as server, World(server.url(), tmp_path) as world:
        async with world.client() as jobs:
            workers = [world.worker(concurrency=2) for _ in range(2)]
            forgotten = [(await jobs.submit("report", 2.0)).job.job_id for _ in range(4)]
            await eventually(lambda: all(world.journal.starts(job_id) for job_id in forgotten))
            await asyncio.to_thread(server.restart)
            async with asyncio.TaskGroup() as tasks:
                load = Load(jobs, 0.02)
                submitting = tasks.create_task(load.run())
                await _all_consume(world, workers, since=time.monotonic(), within=BACK_WITHIN)
                load.stop()
                await submitting
            await assert_invariants(jobs, load.accepted, world.journal)


async def test_a_redis_that_takes_no_writes_for_a_while_is_worked_on_afterwards(tmp_path: Path) -> None:
    """As a replica it refuses every write: clients are told, and all goes on when it is a master again."""
    with RedisServer() as server, World(server.url(), tmp_path) as world, server.client() as redis:
        async with world.client() as jobs:
            worker = world.worker(concurrency=1)
            accepted = [(await jobs.submit("work", 0.5)).job.job_id for _ in range(3)]
            await eventually(lambda: world.journal.starts(accepted[0]))
            redis.replicaof("127.0.0.1", 1)
            with pytest.raises(StoreUnavailable):
                await jobs.submit("work", 0.02)
            await eventually(lambda: world.journal.count("end"))
            redis.replicaof("NO", "ONE")
            async with asyncio.TaskGroup() as tasks:
                load = Load(jobs, 0.02)
                submitting = tasks.create_task(load.run())
                await _all_consume(world, [worker], since=time.monotonic(), within=BACK_WITHIN)
                load.stop()
                await submitting
            await assert_invariants(jobs, [*accepted, *load.accepted], world.journal)


async def _all_consume(world: World, workers: list[Process], *, since: float, within: float) -> None:
    """Wait until every worker has begun a run that is newer than `since`."""
    pids = {worker.pid for worker in workers}
    deadline = since + within
    while not pids <= {entry.pid for entry in world.journal.entries() if entry.at > since}:
        outputs = [worker.output for worker in workers]
        assert all(worker.running for worker in workers), outputs
        assert time.monotonic() < deadline, outputs
        await asyncio.sleep(0.02)


async def test_forgotten_scripts_are_loaded_again(world: World, server: RedisServer) -> None:
    """`SCRIPT FLUSH` every 100 ms under load: no client and no worker notices."""
    async with world.client() as jobs, asyncio.TaskGroup() as tasks:
        load = Load(jobs, 0.0)
        submitting = tasks.create_task(load.run())
        workers = [world.worker() for _ in range(2)]
        await _all_consume(world, workers, since=time.monotonic(), within=60.0)
        with server.client() as client:
            for _ in range(rounds(usual=30, campaign=600)):
                client.script_flush()
                await asyncio.sleep(0.1)
        load.stop()
        await submitting
        await assert_invariants(jobs, load.accepted, world.journal)
    assert load.refusals == []
    assert not any("NOSCRIPT" in worker.output for worker in workers)
