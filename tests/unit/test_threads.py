"""Plain functions that wait for a thread, and what their runs leave behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import TYPE_CHECKING

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from asyncendpoints.threads import Threads
from tests.support.running import PATIENCE, ended, outcomes, running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

TWICE = Retry(max_attempts=2, backoff=Fixed(0))


class Busy:
    """A plain function that keeps a thread until it is let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> None:
        """Wait, for an hour if need be, as the handler's timeout allows."""
        self.begun.set()
        assert self.gate.wait(PATIENCE)


def waiting(jobs: AsyncEndpoints, count: int) -> Callable[[], bool]:
    """Return whether so many runs are in flight, once it is called."""
    return lambda: jobs.engine.worker is not None and jobs.engine.worker.running == count


async def test_the_time_of_a_plain_function_begins_with_its_thread() -> None:
    """A call that waited longer than its timeout begins all the same, with all of its time and uncharged."""
    busy = Busy()
    deadlines: list[float] = []
    jobs = AsyncEndpoints("memory://", threads=1)
    jobs.handler("busy")(busy)

    @jobs.handler(timeout=1, retry=TWICE)
    def work(job: JobContext[None]) -> None:
        deadlines.append(job.deadline)

    async with jobs.testing() as testing:
        await jobs.submit("busy")
        await until(busy.begun.is_set)
        job_id = (await jobs.submit(work)).job.job_id
        await testing.advance(10)
        assert deadlines == []
        busy.gate.set()
        await testing.run_until_idle()
        job = await jobs.get(job_id)
        assert (job.state, outcomes(job), deadlines) == ("completed", ["completed"], [11.0])


async def test_a_plain_function_that_waited_still_times_out() -> None:
    """The timeout counts from its beginning; the lease lives until then, and not any longer."""
    busy, slow = Busy(), Busy()
    jobs = AsyncEndpoints("memory://", threads=1, lease_for=1.0)
    jobs.handler("busy")(busy)
    jobs.handler("slow", timeout=5, retry=Retry(max_attempts=1))(slow)
    async with jobs.testing() as testing:
        await jobs.submit("busy")
        await until(busy.begun.is_set)
        job_id = (await jobs.submit("slow")).job.job_id
        await testing.advance(4)
        busy.gate.set()
        await until(slow.begun.is_set)
        await testing.advance(4.9)
        assert outcomes(await jobs.get(job_id)) == [None]
        await testing.advance(0.1)
        assert outcomes(await jobs.get(job_id)) == ["timeout"]
        slow.gate.set()


async def test_jobs_behind_stuck_threads_are_given_back_uncharged(caplog: pytest.LogCaptureFixture) -> None:
    """Where no thread is free for longer than the timeout and the lease, other workers get their chance."""
    busy = Busy()
    begun: list[str] = []
    jobs = AsyncEndpoints("memory://", threads=1, lease_for=6.0)
    jobs.handler("busy", timeout=1, retry=Retry(max_attempts=1))(busy)

    @jobs.handler(timeout=1, retry=TWICE)
    def work(job: JobContext[None]) -> None:
        begun.append(job.job_id)

    async with jobs.testing() as testing:
        await jobs.submit("busy")
        await until(busy.begun.is_set)
        job_id = (await jobs.submit(work)).job.job_id
        await testing.advance(5.9)
        assert outcomes(await jobs.get(job_id)) == [None]
        await testing.advance(0.2)
        job = await jobs.get(job_id)
        assert (outcomes(job)[0], job.attempt, begun) == ("released", 1, [])
        assert "got no thread and is given back" in caplog.text
        busy.gate.set()
        await testing.run_until_idle()
        job = await jobs.get(job_id)
        assert (job.state, outcomes(job), begun) == ("completed", ["released", "completed"], [job_id])


async def test_a_call_that_waits_for_a_thread_is_cancelled_at_once() -> None:
    """CAN-2: Only a function that has begun has to look at its flag."""
    busy = Busy()
    begun: list[str] = []
    async with running(threads=1) as jobs:
        jobs.handler("busy")(busy)

        @jobs.handler
        def work(job: JobContext[None]) -> None:
            begun.append(job.job_id)

        first = (await jobs.submit("busy")).job.job_id
        await until(busy.begun.is_set)
        job_id = (await jobs.submit(work)).job.job_id
        await until(waiting(jobs, 2))
        await jobs.cancel(job_id)
        assert (await jobs.wait(job_id, PATIENCE)).state == "canceled"
        busy.gate.set()
        await jobs.wait(first, PATIENCE)
        assert begun == []


async def test_a_run_that_timed_out_just_before_a_drain_is_no_released_one() -> None:
    """Told to stop for its timeout, it settles as `timeout`, also where the drain does not let it clean up."""
    gate, told = asyncio.Event(), asyncio.Event()
    async with running() as jobs:

        @jobs.handler(timeout=0.05, retry=Retry(max_attempts=1))
        async def stubborn() -> None:
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    told.set()

        job_id = (await jobs.submit(stubborn)).job.job_id
        await told.wait()
        await jobs.stop(grace=0)
        gate.set()
        await jobs.engine.store.open()
        assert outcomes(await jobs.get(job_id)) == ["timeout"]


async def test_an_error_of_a_plain_function_leaves_nothing_to_the_collector() -> None:
    """What its traceback knows is freed at once, and does not wait for the collector of cycles."""
    left: list[weakref.ref[BaseException]] = []

    class Failure(Exception):
        pass

    async with running() as jobs:

        @jobs.handler(retry=Retry(max_attempts=1))
        def work() -> None:
            error = Failure()
            left.append(weakref.ref(error))
            try:
                raise error
            finally:
                del error

        gc.collect()
        gc.disable()
        try:
            assert (await ended(jobs, work)).state == "failed"
            await until(waiting(jobs, 0))
            await until(lambda: left[0]() is None)
        finally:
            gc.enable()


def test_discarded_calls_are_forgotten_at_once() -> None:
    """A call that is given up is not kept until a thread is free; those after it are made."""
    threads = Threads(1)
    busy, done = Busy(), threading.Event()
    made: list[int] = []

    def discarded() -> None:
        made.append(1)

    threads.call(busy)
    assert busy.begun.wait(PATIENCE)
    threads.call(discarded)
    kept = weakref.ref(discarded)
    threads.discard(discarded)
    del discarded
    assert kept() is None
    threads.call(done.set)
    busy.gate.set()
    assert done.wait(PATIENCE)
    assert made == []
    done.clear()
    threads.call(done.set)
    assert done.wait(PATIENCE)
    threads.close()
