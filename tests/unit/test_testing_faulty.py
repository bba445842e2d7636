"""The faulty store fails as told, and the engine loses and doubles nothing under its faults."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry, StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """An application's jobs, not started."""
    return AsyncEndpoints("memory://")


@pytest.fixture
def store() -> FaultyStore:
    """A memory store that fails when told to."""
    return FaultyStore(MemoryStore())


async def test_a_failure_before_is_not_applied_and_one_after_is(store: FaultyStore) -> None:
    """Both raise alike; only the one after has been applied."""
    first, second = (NewJob(job_id=new_job_id(), handler="h") for _ in range(2))
    store.fail_before("enqueue")
    with pytest.raises(StoreUnavailable, match="before"):
        await store.enqueue([first])
    store.fail_after("enqueue")
    with pytest.raises(StoreUnavailable, match="applied"):
        await store.enqueue([second])
    assert await store.get(first.job_id) is None
    assert await store.get(second.job_id) is not None
    assert store.faults == 2


async def test_a_held_operation_waits_for_its_release(store: FaultyStore) -> None:
    """A held operation reaches the store when it is released, and not before."""
    new = NewJob(job_id=new_job_id(), handler="h")
    store.hold("enqueue")
    writing = asyncio.create_task(store.enqueue([new]))
    await asyncio.sleep(0)
    assert await store.get(new.job_id) is None
    store.release("enqueue")
    await writing
    assert await store.get(new.job_id) is not None


async def test_a_lost_reply_of_a_submission_makes_one_job(jobs: AsyncEndpoints, store: FaultyStore) -> None:
    """SUB-3: A client that repeats a submission with its key, after a lost reply, gets the job that was made."""

    @jobs.handler("work")
    async def work() -> None: ...

    async with Testing(jobs, store=store) as testing:
        store.fail_after("enqueue")
        with pytest.raises(StoreUnavailable):
            await jobs.submit("work", idempotency_key="k")
        again = await jobs.submit("work", idempotency_key="k")
        assert again.replayed
        await testing.run_until_idle()
        assert (await testing.store.stats()).counts["default"]["completed"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_settlement_is_repeated_until_the_store_answers(
    jobs: AsyncEndpoints, store: FaultyStore, when: str
) -> None:
    """SUB-3: However often a settlement's reply is lost, the job is settled once, as it ended."""
    ran: Counter[str] = Counter()

    @jobs.handler("work", retry=Retry(max_attempts=3, backoff=Fixed(1)))
    async def work(job: JobContext[None]) -> int:
        ran[job.job_id] += 1
        if job.attempt == 1:
            raise ValueError("once")
        return job.attempt

    async with Testing(jobs, store=store, patience=0.02) as testing:
        (store.fail_before if when == "before" else store.fail_after)("settle", times=6)
        submission = await jobs.submit("work")
        await testing.advance(120)
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.result, ran[job.job_id]) == ("completed", b"2", 2)
        assert [run.outcome for run in job.runs] == ["error", "completed"]


async def test_a_claim_whose_reply_was_lost_is_given_back_uncharged(jobs: AsyncEndpoints, store: FaultyStore) -> None:
    """SUB-3: What a claim began that nobody heard of is released when the store answers again, not after a lease."""

    @jobs.handler("work", retry=Retry(max_attempts=1))
    async def work() -> None: ...

    async with Testing(jobs, store=store, patience=0.02) as testing:
        store.fail_after("claim")
        submission = await jobs.submit("work")
        await testing.advance(10)
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.attempt) == ("completed", 1)
        assert [run.outcome for run in job.runs] == ["released", "completed"]


async def test_a_cancel_arrives_although_notifications_are_lost(jobs: AsyncEndpoints) -> None:
    """CAN-2: Where no notification arrives, a running handler is still told within a second."""
    store = FaultyStore(MemoryStore(), drop_notifications=True)
    told = asyncio.Event()

    @jobs.handler("work")
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            raise

    async with Testing(jobs, store=store, patience=0.02) as testing:
        submission = await jobs.submit("work")
        await testing.advance(5)
        assert (await jobs.get(submission.job.job_id)).state == "in_progress"
        await jobs.cancel(submission.job.job_id)
        assert not told.is_set()
        await testing.advance(1)
        assert told.is_set()
        await testing.run_until_idle()
        assert (await jobs.get(submission.job.job_id)).state == "canceled"


async def test_work_is_found_although_notifications_are_lost(jobs: AsyncEndpoints) -> None:
    """CLM-6: Where no wake-up arrives, a slow poll finds what is to be done."""

    @jobs.handler("work")
    async def work() -> None: ...

    store = FaultyStore(MemoryStore(), drop_notifications=True)
    async with Testing(jobs, store=store) as testing:
        await testing.run_until_idle()
        submission = await jobs.submit("work")
        await testing.advance(5)
        assert (await jobs.get(submission.job.job_id)).state == "completed"


@pytest.mark.parametrize("seed", range(10))
async def test_under_random_faults_no_job_is_lost_and_none_ends_twice(
    jobs: AsyncEndpoints, store: FaultyStore, seed: int
) -> None:
    """SET-1: With a third of all operations failing, before or after, every job ends once, within its attempts."""
    effects: Counter[str] = Counter()

    @jobs.handler("work", retry=Retry(max_attempts=3, backoff=Fixed(2)))
    async def work(job: JobContext[int]) -> int:
        await job.once("effect", lambda: effects.update([job.job_id]))
        if job.payload % 3 == 0 and job.attempt == 1:
            raise ValueError("the first attempt of every third job fails")
        return job.payload

    async with Testing(jobs, store=store, patience=0.05) as testing:
        store.fail_at_random(seed, 1 / 3, ["claim", "release_claim", "settle", "expired", "progress", "strip"])
        ids = [(await jobs.submit("work", number)).job.job_id for number in range(30)]
        await testing.advance(600)
        store.heal()
        await testing.advance(120)
        assert store.faults > 10
        for number, job_id in enumerate(ids):
            job = await jobs.get(job_id)
            assert (job.state, job.result) == ("completed", str(number).encode())
            assert job.attempt <= 2
            assert [run.outcome for run in job.runs].count("completed") == 1
        assert effects == Counter(ids)
