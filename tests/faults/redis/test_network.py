"""A network that delays, cuts and stalls makes no second job and leaves no await hanging."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints.stores.redis import RedisStore
from tests.support.faults.invariants import all_ended, assert_invariants
from tests.support.faults.rounds import rounds
from tests.support.faults.waiting import eventually
from tests.support.redis_proxy import Cut, RedisProxy
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from asyncendpoints import AsyncEndpoints
    from tests.support.faults.world import World
    from tests.support.redis_proxy import Command

SUBMITTERS = 8
ANSWERED_WITHIN = 30.0
"""Seconds within which every call has an answer or an error, on a network that works again."""


FALL_BACK = 10.0
"""Seconds within which a worker without notifications finds its work: the fall-back poll, on a busy machine."""


def now_and_then(command: Command) -> bool:
    """Take one of ten scripts, so that a new connection mostly gets something done."""
    return command[0].upper() == b"EVALSHA" and random.random() < 0.1


async def submitted(jobs: AsyncEndpoints, key: str) -> str:
    """Submit a job, again and again with its key until it is accepted, and return its id."""
    while True:
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                return (await jobs.submit("work", 0.01, idempotency_key=key)).job.job_id
        except StoreUnavailable:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("cut", [Cut.BEFORE_REQUEST, Cut.AFTER_REQUEST, Cut.IN_REPLY], ids=lambda cut: cut.name.lower())
async def test_cut_connections_make_no_second_job(
    world: World, server: RedisServer, proxy: RedisProxy, cut: Cut
) -> None:
    """SUB-3: Connections of clients and workers are cut again and again, and each key has one job that ends once."""
    with RedisProxy(server.port) as to_workers:
        async with world.client(url=proxy.url()) as jobs:
            workers = [world.worker(url=to_workers.url()) for _ in range(2)]
            accepted: list[str] = []
            await _all_have_worked(world, [worker.pid for worker in workers], jobs, accepted)
            faults = [one.arm(cut, now_and_then, times=sys.maxsize) for one in (proxy, to_workers)]
            per_submitter = rounds(usual=50, campaign=1_000)

            async def submit_all(submitter: int) -> list[str]:
                return [await submitted(jobs, f"key-{submitter}-{number}") for number in range(per_submitter)]

            submitted_by_each = await asyncio.gather(*(submit_all(submitter) for submitter in range(SUBMITTERS)))
            accepted += [job_id for job_ids in submitted_by_each for job_id in job_ids]
            proxy.disarm()
            await all_ended(jobs, accepted, within=300.0)
            to_workers.disarm()
            assert all(fault.fired.is_set() for fault in faults), "no connection was cut"
            await assert_invariants(jobs, accepted, world.journal)


async def test_a_slow_network_only_takes_longer(world: World, proxy: RedisProxy) -> None:
    """With 100 ms each way nothing is lost, and no lease ends before its run."""
    proxy.delay = 0.1
    async with world.client(url=proxy.url()) as jobs:
        world.worker(url=proxy.url())
        accepted = [(await jobs.submit("work", 1.5)).job.job_id for _ in range(3)]
        ended = await assert_invariants(jobs, accepted, world.journal)
    assert {run.outcome for job in ended.values() for run in job.runs} == {"completed"}


async def test_a_stalled_network_leaves_no_await_hanging(world: World, server: RedisServer, proxy: RedisProxy) -> None:
    """For many leases nothing passes: every call ends, and afterwards each key has one job that ends once."""
    stall_for = rounds(usual=4, campaign=30)
    with RedisProxy(server.port) as to_workers:
        async with world.client(url=proxy.url()) as jobs:
            workers = [world.worker(url=to_workers.url()), world.worker()]
            before = [await submitted(jobs, f"before-{number}") for number in range(20)]
            await _all_have_worked(world, [worker.pid for worker in workers], jobs, before)
            proxy.stall()
            to_workers.stall()
            calls = [asyncio.create_task(jobs.submit("work", 0.01, idempotency_key=f"in-{n}")) for n in range(20)]
            reads = [asyncio.create_task(jobs.get(job_id)) for job_id in before]
            await asyncio.sleep(stall_for)
            proxy.recover()
            to_workers.recover()
            _, hanging = await asyncio.wait([*calls, *reads], timeout=ANSWERED_WITHIN)
            assert not hanging, "calls hang after the network has recovered"
            errors = [error for call in (*calls, *reads) if (error := call.exception()) is not None]
            assert all(isinstance(error, StoreUnavailable) for error in errors), errors
            read = [task.result().job_id if task.exception() is None else None for task in reads]
            assert all(found in {None, asked} for found, asked in zip(read, before, strict=True)), "a wrong reply"
            during = [await submitted(jobs, f"in-{number}") for number in range(20)]
            after = [await submitted(jobs, f"after-{number}") for number in range(20)]
            await assert_invariants(jobs, [*before, *during, *after], world.journal)


async def test_without_notifications_work_is_found_by_looking(world: World, proxy: RedisProxy) -> None:
    """A worker whose subscriptions vanish on their way still finds each new job, and is told of a cancel (CAN-2)."""
    proxy.swallows = lambda command: command[0].upper() in {b"SUBSCRIBE", b"SSUBSCRIBE", b"PSUBSCRIBE"}
    async with world.client() as jobs:
        world.worker(url=proxy.url())
        accepted: list[str] = []
        for _ in range(3):
            accepted.append((await jobs.submit("work", 0.0)).job.job_id)
            await jobs.wait(accepted[-1], FALL_BACK)
        accepted.append((await jobs.submit("work", 60.0)).job.job_id)
        await eventually(lambda: world.journal.starts(accepted[-1]))
        await jobs.cancel(accepted[-1])
        assert (await jobs.wait(accepted[-1], FALL_BACK)).state == "canceled"
        await assert_invariants(jobs, accepted, world.journal)


async def _all_have_worked(world: World, pids: list[int], jobs: AsyncEndpoints, accepted: list[str]) -> None:
    deadline = time.monotonic() + 60
    number = 0
    while not set(pids) <= {entry.pid for entry in world.journal.entries()}:
        assert time.monotonic() < deadline, "a worker never began a run"
        number += 1
        accepted.append(await submitted(jobs, f"warm-{number}"))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("gap", [0.1, 0.01])
async def test_a_redis_that_is_frozen_fails_calls_in_time_although_others_follow(gap: float) -> None:
    """What the socket's buffer takes is no sign of life: each call has its time-out, however many come after it."""
    taken: list[float] = []
    with RedisServer() as frozen:
        store = RedisStore(f"{frozen.url()}?timeout=1")
        await store.open()

        async def ask() -> None:
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.ping()
            taken.append(time.monotonic() - begun)

        frozen.stop_answering()
        try:
            asked: list[asyncio.Task[None]] = []
            until = time.monotonic() + 5.0
            while time.monotonic() < until:
                asked.append(asyncio.create_task(ask()))
                await asyncio.sleep(gap)
            in_time = len(taken)
            await asyncio.gather(*asked)
        finally:
            frozen.go_on()
            await store.close()
    assert in_time > len(taken) / 2
    assert max(taken) < 4.0
