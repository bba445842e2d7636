"""A record that cannot be read fails its job, where everybody can see it, and nothing else."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.faults.invariants import assert_sound
from tests.support.faults.waiting import eventually
from tests.support.redis_stores import DECLARED, end_everything

if TYPE_CHECKING:
    from collections.abc import Callable

    import valkey

    from asyncendpoints import AsyncEndpoints
    from tests.support.faults.world import World
    from tests.support.redis_server import RedisServer

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda record: b"",
    "of a version to come": lambda record: b"\xff" + record[1:],
    "cut short": lambda record: record[: len(record) // 2],
    "cut to its first bytes": lambda record: record[:5],
    "overwritten": lambda record: b"\x00" * len(record),
    "continued": lambda record: record + b"more",
    "noise behind its head": lambda record: record[:21] + bytes(range(256))[: len(record) - 21],
}


@pytest.mark.parametrize("state", ["queued", "scheduled", "in_progress"])
async def test_a_damaged_record_fails_its_job_and_not_the_worker(world: World, server: RedisServer, state: str) -> None:
    """Every damaged job is shown as failed, every other one completes, and the worker that met them lives."""
    async with world.client() as jobs:
        with server.client() as redis:
            worker = world.worker(concurrency=16) if state == "in_progress" else None
            damaged = [await _damage(world, jobs, redis, state, damage) for damage in DAMAGE.values()]
        worker = worker or world.worker(concurrency=16)
        healthy = [(await jobs.submit("work", 0.01)).job.job_id for _ in range(10)]
        for job_id in healthy:
            assert (await jobs.wait(job_id, 30.0)).state == "completed"
        ends = {name: await jobs.wait(job_id, 30.0) for name, job_id in zip(DAMAGE, damaged, strict=True)}
        assert {name: job.state for name, job in ends.items()} == dict.fromkeys(DAMAGE, "failed")
        assert worker.running, worker.output
        # Before anybody has met it, a damaged record only reads as failed; in the end it is a failed job.
        async with asyncio.timeout(30.0):
            while await jobs.engine.store.fsck():
                await asyncio.sleep(0.05)
        assert worker.stop() == 0, worker.output
        await assert_sound(jobs)
        counts = (await jobs.engine.store.stats()).counts
        totals = sum((Counter(of_queue) for of_queue in counts.values()), Counter[str]())
        assert totals == {"completed": len(healthy), "failed": len(DAMAGE)}
        await end_everything(jobs.engine.store)
        with server.client() as redis:
            left = {key.decode().rpartition(":")[2] for key in redis.keys(f"*{world.namespace}*")}
        assert left <= DECLARED, left


async def _damage(
    world: World, jobs: AsyncEndpoints, redis: valkey.Valkey, state: str, damage: Callable[[bytes], bytes]
) -> str:
    """Bring a job into a state, damage its record there, and return its id."""
    submission = await jobs.submit("work", 3.0, delay=1.0 if state == "scheduled" else 0.0)
    job_id = submission.job.job_id
    if state == "in_progress":
        await eventually(lambda: world.journal.starts(job_id))
    key, field = f"{{{world.namespace}.0}}:job", uuid.UUID(job_id).bytes
    record = redis.hget(key, field)
    assert isinstance(record, bytes)
    redis.hset(key, field, damage(record))
    return job_id
