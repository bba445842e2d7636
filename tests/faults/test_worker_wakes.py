"""A worker on Redis is told of work: it polls only for what may have been lost."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry, claimer
from asyncendpoints.stores.redis import RedisStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import ended, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from asyncendpoints.stores.base import Store
    from tests.support.redis_stores import RedisStores

HOUR = 3600.0


class DeafStore(FaultyStore):
    """Loses every notification."""

    def subscribe(self, worker: str, queues: Sequence[str], listener: Any) -> Callable[[], None]:
        """Tell nobody."""
        return lambda: None


def beside(url: str, store: Any) -> RedisStore:
    """Return another store on the same namespace: another process's."""
    return RedisStore(url, namespace=store.namespace)


@asynccontextmanager
async def applications(working: Store, submitting: Store) -> AsyncIterator[AsyncEndpoints]:
    """Run a worker on one store, and give an application that submits to it by another connection."""
    first = AsyncEndpoints(working, lease_for=HOUR)  # so that no sweep comes to its help
    second = AsyncEndpoints(submitting, worker=False, lease_for=HOUR)

    async def work(job: JobContext[int]) -> int:
        if job.attempt < job.payload:
            raise RuntimeError("not yet")
        return job.attempt

    for jobs in (first, second):
        jobs.handler("work", retry=Retry(3, Fixed(0.2)))(work)
    async with first, second:
        # An idle worker has asked once and found nothing.
        await until(lambda: first.engine.worker is not None and not first.engine.worker.pending)
        yield second


@pytest.mark.parametrize(("delay", "attempts"), [(0.0, 1), (0.3, 1), (0.0, 3)], ids=["now", "later", "again"])
async def test_a_job_starts_when_it_can_without_a_poll(
    redis_url: str, redis_stores: RedisStores, monkeypatch: pytest.MonkeyPatch, delay: float, attempts: int
) -> None:
    """CLM-6: Submissions of other processes are pushed; due times and retries wake the worker by themselves."""
    monkeypatch.setattr(claimer, "POLL", HOUR)
    store = redis_stores.make()
    async with applications(store, beside(redis_url, store)) as jobs:
        job = await ended(jobs, "work", attempts, delay=delay)
        assert (job.state, job.result) == ("completed", str(attempts).encode())


async def test_a_lost_notification_costs_the_fall_back_poll(
    redis_url: str, redis_stores: RedisStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that hears nothing finds the job all the same."""
    monkeypatch.setattr(claimer, "POLL", 0.05)
    store = DeafStore(redis_stores.make())
    async with applications(store, beside(redis_url, store.inner)) as jobs:
        assert (await ended(jobs, "work", 1)).state == "completed"


async def test_an_idle_worker_asks_only_now_and_then(
    redis_url: str, redis_stores: RedisStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two polls it claims for what it was told of alone, however many jobs other queues get."""
    monkeypatch.setattr(claimer, "POLL", HOUR)
    store = FaultyStore(redis_stores.make())
    async with applications(store, beside(redis_url, store.inner)) as jobs:
        before = store.calls["claim"]
        for _ in range(5):
            await jobs.submit("work", 1, queue="elsewhere")
        assert (await ended(jobs, "work", 1)).state == "completed"
        # The wake-up of the one job, and what its end rings.
        assert store.calls["claim"] - before <= 3
