"""API processes that are killed, or race for one key: clients repeat with their key and get the one job."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.faults.invariants import assert_sound, listed
from tests.support.faults.operations import learn_operations
from tests.support.redis_proxy import Cut

if TYPE_CHECKING:
    from tests.support.faults.world import World
    from tests.support.redis_proxy import RedisProxy
    from tests.support.server import Server

PATH = "/jobs-of-nobody"
AT_ONCE = 1_000


@pytest.mark.parametrize(
    ("cut", "replayed"),
    [(Cut.BEFORE_REQUEST, False), (Cut.AFTER_REQUEST, True)],
    ids=["before-the-write", "between-write-and-answer"],
)
async def test_a_client_of_a_killed_process_repeats_and_gets_its_job(
    world: World, proxy: RedisProxy, cut: Cut, *, replayed: bool
) -> None:
    """IDM-1: The process dies before it answers; another one answers the repeated request with the job of its key."""
    operations = await learn_operations(proxy)
    victim = world.api(url=proxy.url())
    other = world.api()
    proxy.arm(cut, operations.is_("enqueue"), then=lambda: os.killpg(victim.process.pid, signal.SIGKILL))
    async with httpx.AsyncClient(timeout=60) as client:
        headers = {"Idempotency-Key": "once"}
        with pytest.raises(httpx.TransportError):
            await client.post(victim.url + PATH, headers=headers)
        again = await client.post(other.url + PATH, headers=headers)
    assert again.status_code == 202, again.text
    assert ("Idempotent-Replayed" in again.headers) is replayed
    async with world.client() as jobs:
        assert await listed(jobs) == Counter([again.json()["jobId"]])
        await assert_sound(jobs)


async def test_a_thousand_submissions_of_one_key_over_two_processes_make_one_job(world: World) -> None:
    """IDM-3: All of them get the same id, and exactly one of them is told that it made the job."""
    servers = [world.api(), world.api()]
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(timeout=120, limits=limits) as client:

        async def submit(server: Server) -> httpx.Response:
            return await client.post(server.url + PATH, headers={"Idempotency-Key": "one"})

        answers = await asyncio.gather(*(submit(servers[number % 2]) for number in range(AT_ONCE)))
    assert Counter(answer.status_code for answer in answers) == {202: AT_ONCE}
    ids = {answer.json()["jobId"] for answer in answers}
    assert len(ids) == 1
    assert Counter("Idempotent-Replayed" in answer.headers for answer in answers) == {True: AT_ONCE - 1, False: 1}
    async with world.client() as jobs:
        assert await listed(jobs) == Counter(ids)
        await assert_sound(jobs)
