"""An engine starts, drains, ends and starts again, and answers every question meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import (
    AsyncEndpoints,
    ConfigurationError,
    Job,
    JobContext,
    JobError,
    JobNotCancelable,
    JobNotFound,
    JobNotRedrivable,
    Retention,
    Retry,
    StoreUnavailable,
)
from asyncendpoints._core import new_job_id
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import PATIENCE, ended, running, until

if TYPE_CHECKING:
    from collections.abc import Callable


def application() -> AsyncEndpoints:
    """Return an application with one handler that ends at once."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work")(lambda: "done")
    return jobs


def test_making_an_application_starts_nothing() -> None:
    """No thread and no event loop before the start."""
    before = threading.active_count()
    jobs = application()
    assert threading.active_count() == before
    assert (jobs.engine.started, jobs.engine.worker_running) == (False, False)
    assert jobs.engine.ready() == ["not started"]


async def test_an_application_can_be_started_again_and_keeps_its_jobs() -> None:
    """After a stop, the same object starts on another event loop and finds what was submitted."""
    jobs = application()
    async with jobs:
        job = await ended(jobs, "work")
        assert jobs.engine.ready() == []

    def elsewhere() -> Job:
        async def again() -> Job:
            async with jobs:
                await ended(jobs, "work")
                return await jobs.get(job.job_id)

        return asyncio.run(again())

    assert (await asyncio.to_thread(elsewhere)).result == b'"done"'


async def test_starting_twice_is_refused() -> None:
    """An application is started once, by its lifespan or by its user."""
    jobs = application()
    async with jobs:
        with pytest.raises(ConfigurationError, match="already started"):
            await jobs.start()
        assert (await ended(jobs, "work")).state == "completed"


async def test_a_start_that_fails_can_be_repeated() -> None:
    """A store that does not answer leaves the engine as it was."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints(store)
    jobs.handler("work")(lambda: "done")
    store.fail_before("open")
    with pytest.raises(StoreUnavailable):
        await jobs.start()
    assert not jobs.engine.started
    async with jobs:
        assert (await ended(jobs, "work")).state == "completed"


async def test_stopping_twice_is_harmless() -> None:
    """Neither a second stop nor one without a start does anything."""
    jobs = application()
    await jobs.stop()
    await jobs.start()
    await jobs.stop()
    await jobs.stop()
    assert not jobs.engine.started


async def test_an_error_within_the_block_does_not_wait_for_the_grace() -> None:
    """`async with jobs:` gives back what runs at once when its body raises."""
    jobs = application()
    begun = asyncio.Event()

    @jobs.handler
    async def long() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        with suppress(ZeroDivisionError):
            async with jobs:
                await jobs.submit(long)
                await begun.wait()
                raise ZeroDivisionError


async def test_readiness_names_its_reasons() -> None:
    """Not ready: not started, draining, or without a store."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints(store)
    await jobs.start()
    assert await jobs.engine.check_ready() == []
    store.fail_before("ping")
    assert "the store does not answer" in (await jobs.engine.check_ready())[0]
    jobs.engine.begin_drain()
    assert await jobs.engine.check_ready() == ["draining"]
    await jobs.stop()
    assert jobs.engine.ready() == ["not started"]


async def test_a_wait_ends_at_the_next_version_the_end_its_time_or_a_drain() -> None:
    """Whatever comes first; a job that has ended is returned at once."""
    gate = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            await gate.wait()

        job = (await jobs.submit(work)).job
        later = await jobs.engine.wait(job.job_id, version=job.version, timeout=PATIENCE)
        assert (later.state, later.version > job.version) == ("in_progress", True)
        same = await jobs.engine.wait(job.job_id, version=later.version, timeout=0.01)
        assert same.version == later.version
        held = asyncio.create_task(jobs.engine.wait(job.job_id, version=later.version, timeout=PATIENCE))
        await asyncio.sleep(0)
        gate.set()
        assert (await held).state == "completed"
        assert (await jobs.engine.wait(job.job_id, version=10**6, timeout=PATIENCE)).state == "completed"
        with pytest.raises(JobNotFound):
            await jobs.engine.wait(new_job_id(), version=0, timeout=PATIENCE)


async def test_held_waits_answer_when_a_drain_begins() -> None:
    """SHD-1: They answer with the job as it stands, and so do those that come later."""
    async with running() as jobs:
        job = (await jobs.submit(jobs.handler("later")(lambda: None), delay=3600)).job
        held = [asyncio.create_task(jobs.engine.wait(job.job_id, version=job.version, timeout=3600)) for _ in range(3)]
        await asyncio.sleep(0)
        jobs.engine.begin_drain()
        async with asyncio.timeout(PATIENCE):
            assert {(await wait).state for wait in held} == {"scheduled"}
            assert (await jobs.engine.wait(job.job_id, version=job.version, timeout=3600)).state == "scheduled"
        with pytest.raises(TimeoutError):
            await jobs.wait(job.job_id)


async def test_a_client_that_leaves_its_wait_leaves_nothing_behind() -> None:
    """Cancelling a wait cancels what it waited with, and nothing else."""
    async with running() as jobs:
        job = (await jobs.submit(jobs.handler("later")(lambda: None), delay=3600)).job

        def waiting() -> bool:
            return any("MemoryStore.wait" in repr(task.get_coro()) for task in asyncio.all_tasks())

        held = asyncio.create_task(jobs.engine.wait(job.job_id, version=job.version, timeout=3600))
        await until(waiting)
        held.cancel()
        with suppress(asyncio.CancelledError):
            await held
        await until(lambda: not waiting())
        assert (await jobs.get(job.job_id)).state == "scheduled"


async def test_waiting_for_a_job_that_does_not_end_times_out() -> None:
    """`jobs.wait` raises TimeoutError, by the clock of the test where there is one."""
    jobs = application()
    async with Testing(jobs) as testing:
        job = (await jobs.submit("work", delay=100)).job
        waiting = asyncio.create_task(jobs.wait(job.job_id, 50))
        await testing.advance(49)
        assert not waiting.done()
        await testing.advance(2)
        with pytest.raises(TimeoutError, match="still scheduled"):
            await waiting


async def test_questions_about_nothing_are_answered_as_such() -> None:
    """An unknown job is JobNotFound, whatever is asked of it."""
    async with running() as jobs:
        for ask in (jobs.get, jobs.cancel, jobs.redrive, jobs.wait):
            for job_id in (new_job_id(), "no id at all", ""):
                with pytest.raises(JobNotFound):
                    await ask(job_id)


async def test_cancelling_answers_as_the_job_stands() -> None:
    """CAN-1: Waiting jobs are canceled at once and for ever; those that ended are refused."""
    async with running() as jobs:
        jobs.handler("work")(lambda: None)
        waiting = (await jobs.submit("work", delay=3600)).job
        assert (await jobs.cancel(waiting.job_id)).word == "canceled"
        assert (await jobs.cancel(waiting.job_id)).word == "already"
        assert (await jobs.get(waiting.job_id)).state == "canceled"
        done = await ended(jobs, "work")
        with pytest.raises(JobNotCancelable, match="already completed"):
            await jobs.cancel(done.job_id)


async def test_a_failed_job_is_repeated_by_a_new_one() -> None:
    """`redrive` keeps everything but the key, and names the old job, which stays failed."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("fail", queue="q", priority=3, retry=Retry(1), timeout=9, retention=Retention(failed=60))(fail)
    jobs.handler("work")(lambda: None)
    async with Testing(jobs) as testing:
        old = (await jobs.submit("fail", [1], idempotency_key="k", owner="ann", query={"a": 1})).job
        with pytest.raises(JobNotRedrivable, match="queued"):
            await jobs.redrive(old.job_id)
        await testing.run_until_idle()
        old = await jobs.get(old.job_id)
        new = await jobs.redrive(old.job_id)
        assert (new.redrive_of, new.origin, new.request_id) == (old.job_id, old.job_id, None)
        for name in ("handler", "queue", "priority", "owner", "request", "payload", "max_attempts", "timeout_ms"):
            assert getattr(new, name) == getattr(old, name), name
        await testing.run_until_idle()
        assert (await jobs.redrive(new.job_id)).origin == old.job_id
        assert (await jobs.get(old.job_id)).state == "failed"
        await testing.advance(120)
        with pytest.raises(JobNotRedrivable):
            await jobs.redrive(old.job_id)


def fail(job: JobContext[list[int]]) -> None:
    """Fail on purpose."""
    raise JobError("no")


async def test_settings_can_be_overridden_only_before_the_start() -> None:
    """What a worker process's command line says is checked like every setting."""
    jobs = application()
    jobs.engine.override(concurrency=3, queues=("a",))
    assert (jobs.settings.concurrency, jobs.settings.queues, jobs.settings.worker) == (3, ("a",), True)
    with pytest.raises(ConfigurationError, match="concurrency"):
        jobs.engine.override(concurrency=0)
    async with jobs:
        with pytest.raises(ConfigurationError, match="before the start"):
            jobs.engine.override(concurrency=1)


async def test_a_listener_may_be_told_from_any_thread_after_the_end() -> None:
    """A notification that comes after the worker's loop was closed is ignored."""
    workers: list[Callable[[], None]] = []

    def elsewhere() -> None:
        async def main() -> None:
            async with running() as jobs:
                assert jobs.engine.worker is not None
                workers.append(jobs.engine.worker.wake)

        asyncio.run(main())

    await asyncio.to_thread(elsewhere)
    workers[0]()
