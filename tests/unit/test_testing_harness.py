"""The harness runs an application's jobs by the clock of the test."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asyncendpoints import (
    AsyncEndpoints,
    ConfigurationError,
    Exponential,
    Fixed,
    JobContext,
    JobNotFound,
    Retention,
    Retry,
    StoreUnavailable,
)
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, NotIdle, Testing


@pytest.fixture
def jobs() -> AsyncEndpoints:
    """An application's jobs, not started."""
    return AsyncEndpoints("memory://")


async def test_a_submitted_job_runs_when_the_test_says_so(jobs: AsyncEndpoints) -> None:
    """A submitted job runs when the test lets it."""

    @jobs.handler("double")
    async def double(job: JobContext[int]) -> int:
        return 2 * job.payload

    async with jobs.testing() as testing:
        submission = await jobs.submit("double", 21)
        await testing.run_until_idle()
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.result) == ("completed", b"42")


async def test_a_delayed_job_runs_at_its_time_and_not_a_millisecond_before(jobs: AsyncEndpoints) -> None:
    """CLM-3: A delayed job runs at its time and not a millisecond before."""

    @jobs.handler("later")
    async def later() -> None: ...

    async with jobs.testing() as testing:
        submission = await jobs.submit("later", delay=3600)
        await testing.advance(3599.999)
        assert (await jobs.get(submission.job.job_id)).state == "scheduled"
        await testing.advance(0.001)
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.started_at) == ("completed", job.created_at + 3_600_000)


async def test_retries_come_in_their_time(jobs: AsyncEndpoints) -> None:
    """Retries come when their backoff says, to the millisecond."""

    @jobs.handler("fails", retry=Retry(max_attempts=4, backoff=Exponential(base=1.0, factor=10.0, jitter=False)))
    async def fails() -> None:
        raise ValueError("boom")

    async with jobs.testing() as testing:
        submission = await jobs.submit("fails")
        await testing.advance(1000)
        job = await jobs.get(submission.job.job_id)
        started = [run.started_at - job.created_at for run in job.runs]
        assert (job.state, started) == ("failed", [0, 1_000, 11_000, 111_000])


async def test_a_handler_that_hangs_times_out_by_the_virtual_clock(jobs: AsyncEndpoints) -> None:
    """A handler that hangs times out by the virtual clock, without real waiting."""

    @jobs.handler("hangs", timeout=600, retry=Retry(max_attempts=2, backoff=Fixed(60)))
    async def hangs() -> None:
        await asyncio.Event().wait()

    async with Testing(jobs, patience=0.02) as testing:
        submission = await jobs.submit("hangs")
        await testing.advance(599)
        assert (await jobs.get(submission.job.job_id)).state == "in_progress"
        await testing.advance(600 + 60 + 600)
        job = await jobs.get(submission.job.job_id)
        assert job.state == "failed"
        assert [(run.outcome, run.finished_at) for run in job.runs] == [
            ("timeout", job.created_at + 600_000),
            ("timeout", job.created_at + 1_260_000),
        ]


async def test_a_week_of_retention_passes_at_once(jobs: AsyncEndpoints) -> None:
    """RTN-1: A week of retention passes at once, and ends with its last second."""

    @jobs.handler("kept", retention=Retention(completed=7 * 86_400))
    async def kept() -> str:
        return "result"

    async with jobs.testing() as testing:
        submission = await jobs.submit("kept")
        await testing.run_until_idle()
        await testing.advance(7 * 86_400 - 1)
        assert (await jobs.get(submission.job.job_id)).result == b'"result"'
        await testing.advance(1)
        with pytest.raises(JobNotFound):
            await jobs.get(submission.job.job_id)


async def test_a_plain_function_is_waited_for(jobs: AsyncEndpoints) -> None:
    """A plain function's thread is waited for, so that the clock does not overtake it."""
    ran_in: list[str] = []

    @jobs.handler("plain", retry=Retry(max_attempts=3, backoff=Fixed(10)))
    def plain(job: JobContext[None]) -> int:
        ran_in.append(threading.current_thread().name)
        if job.attempt < 3:
            raise ValueError("not yet")
        return job.attempt

    async with jobs.testing() as testing:
        submission = await jobs.submit("plain")
        await testing.advance(20)
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.result, job.finished_at) == ("completed", b"3", job.created_at + 20_000)
        assert "MainThread" not in ran_in


async def test_a_lease_holds_while_a_long_handler_runs(jobs: AsyncEndpoints) -> None:
    """LSE-3a: However far the clock moves, a handler that the process still runs keeps its job."""
    done = asyncio.Event()

    @jobs.handler("long", timeout=86_400)
    async def long() -> None:
        await done.wait()

    async with Testing(jobs, patience=0.02) as testing:
        submission = await jobs.submit("long")
        await testing.advance(8_000)
        done.set()
        await testing.run_until_idle()
        job = await jobs.get(submission.job.job_id)
        assert (job.state, len(job.runs), job.finished_at) == ("completed", 1, job.created_at + 8_000_000)


async def test_a_run_whose_worker_vanished_is_rescued_in_its_time(jobs: AsyncEndpoints) -> None:
    """RES-1: A run that nobody renews is back within its lease and a sweep, and runs again."""

    @jobs.handler("lost")
    async def lost() -> None: ...

    async with jobs.testing() as testing:
        now = testing.clock.now
        await testing.store.pause("default", True)
        submission = await jobs.submit("lost")
        await testing.run_until_idle()
        await testing.store.pause("default", False)
        await testing.store.claim(
            worker="elsewhere", claim_id="c", queues=["default"], limit=1, lease_ms=15_000, now=now
        )
        await testing.advance(60)
        job = await jobs.get(submission.job.job_id)
        assert [(run.worker == "elsewhere", run.outcome) for run in job.runs] == [(True, "lost"), (False, "completed")]
        assert job.runs[1].started_at <= now + 15_000 + 5_000


async def test_what_hangs_for_ever_is_named(jobs: AsyncEndpoints) -> None:
    """A handler that nothing but real time can end is named, and can be canceled."""

    @jobs.handler("hangs")
    async def hangs() -> None:
        await asyncio.Event().wait()

    async with jobs.testing() as testing:
        submission = await jobs.submit("hangs")
        with pytest.raises(NotIdle, match=f"hangs \\(job {submission.job.job_id}\\)"):
            await testing.run_until_idle(patience=0.02)
        await jobs.cancel(submission.job.job_id)
        await testing.run_until_idle()
        assert (await jobs.get(submission.job.job_id)).state == "canceled"


async def test_a_wait_ends_with_the_virtual_clock(jobs: AsyncEndpoints) -> None:
    """A held wait ends when the clock has been moved past its time."""

    @jobs.handler("later")
    async def later() -> None: ...

    async with jobs.testing() as testing:
        submission = await jobs.submit("later", delay=100)
        waiting = asyncio.create_task(
            jobs.engine.wait(submission.job.job_id, version=submission.job.version, timeout=50)
        )
        await testing.advance(49)
        assert not waiting.done()
        await testing.advance(1)
        assert (await waiting).state == "scheduled"


async def test_the_application_gets_its_own_store_and_clock_back(jobs: AsyncEndpoints) -> None:
    """After the block the application has its own store and clock again."""
    before = (jobs.engine.store, jobs.engine.clock)
    async with jobs.testing() as testing:
        assert jobs.engine.store is testing.store
        with pytest.raises(ConfigurationError, match="enter it first"):
            async with jobs.testing():
                pass
    assert (jobs.engine.store, jobs.engine.clock) == before


async def test_the_end_of_a_test_does_not_wait_for_a_store_that_fails(jobs: AsyncEndpoints) -> None:
    """A store that never answers again does not keep a test from ending."""

    @jobs.handler("quick")
    async def quick() -> None: ...

    store = FaultyStore(MemoryStore())
    async with Testing(jobs, store=store, patience=0.02) as testing:
        store.fail_before("settle", times=10_000)
        await jobs.submit("quick")
        with pytest.raises(NotIdle, match="the store"):
            await testing.run_until_idle(patience=0.05)


async def test_the_clock_does_not_go_back(jobs: AsyncEndpoints) -> None:
    """The clock is never moved back."""
    async with jobs.testing() as testing:
        with pytest.raises(ValueError, match="never goes back"):
            await testing.advance(-1)


async def test_a_handler_that_the_test_has_freed_is_waited_for_again(jobs: AsyncEndpoints) -> None:
    """A handler that was stuck, and is not any more, ends before the clock moves on."""
    free = threading.Event()

    @jobs.handler("stuck")
    def stuck() -> None:
        free.wait(60)

    async with Testing(jobs, patience=0.02) as testing:
        submission = await jobs.submit("stuck")
        await testing.advance(10)
        testing.patience = 10.0
        free.set()
        await testing.advance(10)
        job = await jobs.get(submission.job.job_id)
        assert (job.state, job.finished_at) == ("completed", job.created_at + 10_000)


async def test_a_start_that_fails_leaves_the_application_as_it_was(jobs: AsyncEndpoints) -> None:
    """When the store cannot be opened, the application has its own store again and can be started."""
    store = FaultyStore(MemoryStore())
    store.fail_before("open")
    with pytest.raises(StoreUnavailable):
        async with Testing(jobs, store=store):
            pass
    async with jobs:
        assert jobs.engine.store is not store
