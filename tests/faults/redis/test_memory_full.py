"""A Redis without room refuses whole operations, and work goes on when there is room again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from asyncendpoints import StoreUnavailable
from tests.support.faults.invariants import assert_invariants, assert_sound
from tests.support.faults.waiting import eventually
from tests.support.faults.world import World
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from asyncendpoints import AsyncEndpoints

BYTES = 20_000
MOST = 2_000
"""More jobs of so many bytes than there is ever room for."""


async def test_a_full_redis_refuses_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """SUB-2: Without room a client gets 503 `store-unavailable` and nothing is stored; later everything runs."""
    with (
        RedisServer(maxmemory="16mb", options=["--maxmemory-policy", "noeviction"]) as server,
        World(server.url(), tmp_path) as world,
        server.client() as redis,
    ):
        api = world.api()
        async with world.client() as jobs, httpx.AsyncClient(timeout=60) as client:
            world.worker()
            running = (await jobs.submit("work", 1.0)).job.job_id
            await eventually(lambda: world.journal.starts(running))
            accepted = [running, *await _fill(jobs)]
            # From here on there is no room at all, whatever is freed by the way.
            redis.config_set("maxmemory", 1)
            refused = await client.post(api.url + "/jobs-of-nobody")
            assert refused.status_code == 503, refused.text
            assert refused.json()["type"].endswith("store-unavailable")
            assert int(refused.headers["Retry-After"]) >= 1
            with pytest.raises(StoreUnavailable):
                await jobs.submit("work", 0.01)
            await assert_sound(jobs)
            # The handler ends while nothing can be written; what it returned is written when there is room.
            await eventually(lambda: world.journal.count("end")[running])

            redis.config_set("maxmemory", 0)
            taken = await client.post(api.url + "/jobs-of-nobody")
            assert taken.status_code == 202, taken.text
            accepted.append(taken.json()["jobId"])
            await jobs.cancel(accepted[-1])
            accepted += [(await jobs.submit("work", 0.01)).job.job_id for _ in range(20)]
            await assert_invariants(jobs, accepted, world.journal)


async def _fill(jobs: AsyncEndpoints) -> list[str]:
    """Submit jobs for later until Redis has no room for another, and return those that it took."""
    accepted: list[str] = []
    for number in range(MOST):
        try:
            submission = await jobs.submit("swallow", "x" * BYTES, delay=5.0, idempotency_key=f"fill-{number}")
        except StoreUnavailable:
            return accepted
        accepted.append(submission.job.job_id)
    raise AssertionError("Redis never refused")
