"""A process counts what happens to its jobs, each thing once and under its endpoint and queue."""

from __future__ import annotations

import math
import random

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from asyncendpoints._core import Histogram, Tally
from asyncendpoints.errors import BatchRefused, QueueFull
from asyncendpoints.observability.histogram import BOUNDS_MS, bucket_of
from asyncendpoints.testing import Testing
from tests.support.running import running, until


def tally_of(jobs: AsyncEndpoints, endpoint: str, queue: str = "default") -> Tally:
    (found,) = [tally for tally in jobs.engine.meters.tallies() if (tally.endpoint, tally.queue) == (endpoint, queue)]
    return found


async def test_a_job_that_succeeds_at_its_second_attempt_counts_one_submission_two_attempts_and_one_end() -> None:
    jobs = AsyncEndpoints("memory://")

    @jobs.handler(queue="slow", retry=Retry(3, Fixed(10)))
    async def work(job: JobContext[None]) -> None:
        if job.attempt == 1:
            raise ValueError("not yet")

    async with Testing(jobs) as testing:
        await jobs.submit(work)
        await testing.advance(60)
        tally = tally_of(jobs, "work", "slow")
    assert tally.submitted == {"created": 1, "replayed": 0, "refused": 0}
    assert {outcome: count for outcome, count in tally.attempts.items() if count} == {"completed": 1, "error": 1}
    assert tally.ended == {"completed": 1, "failed": 0, "canceled": 0}
    assert (sum(tally.ran), sum(tally.waited)) == (2, 2)


async def test_a_job_waits_from_when_it_is_runnable_and_not_from_its_creation() -> None:
    """A delay is no wait: the handler of a job that is due in a minute begins without one."""
    jobs = AsyncEndpoints("memory://", concurrency=1)

    @jobs.handler
    async def work() -> None: ...

    async with Testing(jobs) as testing:
        await jobs.submit(work, delay=60)
        await testing.advance(61)
        tally = tally_of(jobs, "work")
    assert (sum(tally.waited), sum(tally.ran)) == (1, 1)
    assert tally.waited_seconds < 1.0


async def test_submissions_are_counted_by_what_they_came_to() -> None:
    jobs = AsyncEndpoints("memory://", max_queued=2, worker=False)

    @jobs.handler
    async def work() -> None: ...

    async with jobs:
        for _ in range(2):
            await jobs.submit(work, idempotency_key="k")
        await jobs.submit(work)
        with pytest.raises(QueueFull):
            await jobs.submit(work)
        with pytest.raises(BatchRefused):
            await jobs.submit_many(work, [None, None])
    assert tally_of(jobs, "work").submitted == {"created": 2, "replayed": 1, "refused": 3}


async def test_a_job_that_is_canceled_before_it_ran_ends_without_an_attempt() -> None:
    jobs = AsyncEndpoints("memory://")

    @jobs.handler
    async def work() -> None: ...

    async with jobs:
        submission = await jobs.submit(work, delay=3600)
        await jobs.cancel(submission.job.job_id)
        await jobs.cancel(submission.job.job_id)
        tally = tally_of(jobs, "work")
    assert tally.ended["canceled"] == 1
    assert sum(tally.attempts.values()) == 0


async def test_a_redriven_job_is_a_created_one() -> None:
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work() -> None:
            raise ValueError("never")

        job_id = (await jobs.submit(work)).job.job_id
        await jobs.wait(job_id)
        again = await jobs.redrive(job_id)
        await jobs.wait(again.job_id)
        await until(lambda: tally_of(jobs, "work").ended["failed"] == 2)
        assert tally_of(jobs, "work").submitted["created"] == 2


async def test_a_job_of_a_handler_that_this_process_does_not_have_is_counted_under_a_common_name() -> None:
    """Names come from stored jobs, so anybody who can store some could make counters without end."""
    sender = AsyncEndpoints("memory://", worker=False)

    @sender.handler
    async def foreign() -> None: ...

    jobs = AsyncEndpoints(sender.engine.store, queues=("default",))
    async with sender, jobs:
        job_id = (await sender.submit(foreign)).job.job_id
        await jobs.wait(job_id)
        await until(lambda: tally_of(jobs, "(unknown)").ended["failed"] == 1)
    assert [tally.endpoint for tally in jobs.engine.meters.tallies()] == ["(unknown)"]


async def test_a_rescued_run_is_a_lost_attempt_of_the_process_that_rescued_it() -> None:
    jobs = AsyncEndpoints("memory://", worker=False)

    @jobs.handler(retry=Retry(1))
    async def work() -> None: ...

    async with Testing(jobs) as testing:
        store = jobs.engine.store
        await jobs.submit(work)
        now = testing.clock.store_now()
        await store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=1_000, now=now)
        await testing.advance(30)
        tally = tally_of(jobs, "work")
    assert tally.attempts["lost"] == 1
    assert tally.ended["failed"] == 1


def test_the_core_and_python_know_the_same_buckets() -> None:
    dice = random.Random(7)
    durations = [0.0, *BOUNDS_MS, *(math.nextafter(bound, math.inf) for bound in BOUNDS_MS)]
    durations += [dice.uniform(0, 10_000_000) for _ in range(2_000)]
    for duration_ms in durations:
        histogram = Histogram()
        seconds = duration_ms / 1000
        histogram.observe(seconds)
        assert histogram.read()[0].index(1) == bucket_of(seconds * 1000)


def test_every_second_bound_is_a_power_of_two() -> None:
    assert BOUNDS_MS[::2] == tuple(2.0**power for power in range(24))
