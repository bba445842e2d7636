"""Workers and API processes on a SQLite file are killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.faults.invariants import assert_sound, listed
from tests.support.faults.killing import AFTER, BEFORE, kill_workers
from tests.support.faults.rounds import rounds

if TYPE_CHECKING:
    from tests.support.faults.world import World

PATH = "/jobs-of-nobody"
SOMETIME = 0.02
"""The longest time from a request to the death of who answers it, in seconds: sometimes it has been answered."""


async def test_workers_killed_at_random_points_lose_no_job(world: World) -> None:
    """RES-1: While one worker after the other is killed, every accepted job ends once, within its attempts."""
    await kill_workers(world, rounds(usual=15, campaign=100))


@pytest.mark.parametrize(("key", "replayed"), [(BEFORE, False), (AFTER, True)])
async def test_a_client_of_a_killed_process_repeats_and_gets_its_job(world: World, key: str, *, replayed: bool) -> None:
    """IDM-1: The process dies before it answers; another one answers the repeated request with the job of its key."""
    victim = world.api(application="tests.support.faults.dying:app")
    headers = {"Idempotency-Key": key}
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(victim.url + PATH, headers=headers)
        assert victim.wait() == -signal.SIGKILL
        again = await client.post(world.api().url + PATH, headers=headers)
    assert again.status_code == 202, again.text
    assert ("Idempotent-Replayed" in again.headers) is replayed
    async with world.client() as jobs:
        assert await listed(jobs) == Counter([again.json()["jobId"]])
        await assert_sound(jobs)


async def test_clients_of_processes_killed_at_random_points_get_one_job_for_each_key(world: World) -> None:
    """IDM-3: Whenever a process dies, a client that repeats until it is answered has made one job."""
    answered: dict[str, str] = {}
    async with httpx.AsyncClient(timeout=60) as client:
        for number in range(rounds(usual=5, campaign=100)):
            api = world.api()
            keys = [f"{number}-{part}" for part in range(8)]
            requests = [
                asyncio.create_task(client.post(api.url + PATH, headers={"Idempotency-Key": key})) for key in keys
            ]
            await asyncio.sleep(random.uniform(0, SOMETIME))
            os.killpg(api.process.pid, signal.SIGKILL)
            for key, answer in zip(keys, await asyncio.gather(*requests, return_exceptions=True), strict=True):
                if isinstance(answer, httpx.Response):
                    answered[key] = answer.json()["jobId"]
                else:
                    assert isinstance(answer, httpx.TransportError), answer
        last = world.api()
        for number in range(rounds(usual=5, campaign=100)):
            for part in range(8):
                key = f"{number}-{part}"
                again = await client.post(last.url + PATH, headers={"Idempotency-Key": key})
                assert again.status_code == 202, again.text
                assert answered.setdefault(key, again.json()["jobId"]) == again.json()["jobId"]
    async with world.client() as jobs:
        assert await listed(jobs) == Counter(answered.values())
        await assert_sound(jobs)
