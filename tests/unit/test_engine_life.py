"""Starts and stops that overlap, and applications that share a store, leave each other alone."""

from __future__ import annotations

import asyncio

import pytest

from asyncendpoints import AsyncEndpoints, NotStarted, StoreUnavailable
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import PATIENCE, ended, until


def application(store: MemoryStore | FaultyStore | None = None, queue: str = "default") -> AsyncEndpoints:
    """Return an application with one handler that ends at once."""
    jobs = AsyncEndpoints("memory://" if store is None else store)
    jobs.handler("work", queue=queue)(lambda: "done")
    return jobs


async def test_a_stop_that_comes_late_leaves_what_was_started_meanwhile_alone() -> None:
    """Of two stops at once the slower one does not end the engine of a later start."""
    store = FaultyStore(MemoryStore())
    jobs = application(store)
    begun, gate = asyncio.Event(), asyncio.Event()

    @jobs.handler
    async def long() -> None:
        begun.set()
        await gate.wait()

    await jobs.start()
    await jobs.submit(long)
    await begun.wait()
    slow = asyncio.create_task(jobs.stop(grace=PATIENCE))
    await until(lambda: jobs.engine.draining)
    await jobs.stop(grace=0)
    await jobs.start()
    await slow
    assert jobs.engine.started
    assert (await ended(jobs, "work")).state == "completed"
    gate.set()
    await jobs.stop()


async def test_two_closes_at_once_are_one() -> None:
    """The store is closed once, and both callers return when it is."""
    store = FaultyStore(MemoryStore())
    jobs = application(store)
    await jobs.start()
    store.hold("close")
    closing = [asyncio.create_task(jobs.engine.close()) for _ in range(2)]
    await until(lambda: store.calls["close"])
    assert not any(task.done() for task in closing)
    store.release("close")
    await asyncio.gather(*closing)
    assert (store.calls["close"], jobs.engine.started) == (1, False)


async def test_a_store_that_two_applications_share_is_closed_by_the_last() -> None:
    """Stopping one leaves the other its store, its jobs and its wake-ups."""
    store = MemoryStore()
    first, second = application(store), application(store, "other")
    await first.start()
    await second.start()
    await second.stop()
    assert (await ended(first, "work")).state == "completed"
    await second.start()
    assert (await ended(first, "work")).state == "completed"
    assert (await ended(second, "work")).state == "completed"
    await first.stop()
    assert (await ended(second, "work")).state == "completed"
    await second.stop()
    with pytest.raises(StoreUnavailable):
        await store.ping()


async def test_the_choice_at_the_start_says_whether_jobs_need_a_start() -> None:
    """After `start(worker=False)` another process works, so jobs are taken; a stop forgets the choice."""
    jobs = application()
    with pytest.raises(NotStarted):
        await jobs.submit("work")
    await jobs.start(worker=False)
    await jobs.submit("work")
    await jobs.stop()
    with pytest.raises(NotStarted):
        await jobs.submit("work")
