"""Timeouts, cancels and drains: how runs are stopped, and what becomes of their jobs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from asyncendpoints.problem_types import PROBLEM_BASE
from tests.support.running import PATIENCE, ended, outcomes, problem, running, until

if TYPE_CHECKING:
    from asyncendpoints.worker import Worker

ONCE = Retry(max_attempts=1)
TWICE = Retry(max_attempts=2, backoff=Fixed(0))


def worker_of(jobs: AsyncEndpoints) -> Worker:
    """Return the running worker."""
    worker = jobs.engine.worker
    assert worker is not None
    return worker


async def test_a_handler_past_its_timeout_is_cancelled_and_retried() -> None:
    """The run settles as `timeout`, with handler-timeout as its problem; what the handler catches does not matter."""
    caught: list[str] = []
    jobs = AsyncEndpoints("memory://")

    @jobs.handler(timeout=5, retry=TWICE)
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            caught.append("cancelled")
        return "never"

    @jobs.handler(timeout=5, retry=TWICE)
    async def swallows() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "too late to count"

    async with jobs.testing() as testing:
        submitted = [(await jobs.submit(handler)).job.job_id for handler in (work, swallows)]
        await testing.advance(4.999)
        assert caught == []
        await testing.advance(0.001)
        assert caught == ["cancelled"]
        await testing.advance(5)
        for job_id in submitted:
            job = await jobs.get(job_id)
            assert (job.state, job.result, outcomes(job)) == ("failed", None, ["timeout", "timeout"])
            assert problem(job)["type"] == PROBLEM_BASE + "handler-timeout"
            assert (problem(job)["status"], problem(job)["detail"]) == (504, "the handler did not end within 5 s")


async def test_a_handler_that_ignores_its_timeout_keeps_its_slot(caplog: pytest.LogCaptureFixture) -> None:
    """The run is settled all the same, a warning names the job, and the slot is free when the handler ends."""
    gate = asyncio.Event()
    jobs = AsyncEndpoints("memory://", concurrency=1)

    @jobs.handler(timeout=1, retry=ONCE)
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await gate.wait()
        await gate.wait()

    jobs.handler("next")(lambda: 1)
    async with jobs.testing() as testing:
        job_id = (await jobs.submit(stubborn, priority=1)).job.job_id
        after = (await jobs.submit("next")).job.job_id
        await testing.advance(1)
        assert (await jobs.get(job_id)).state == "in_progress"
        await testing.advance(1)
        assert outcomes(await jobs.get(job_id)) == ["timeout"]
        assert (await jobs.get(after)).state == "queued"
        (warning,) = [record for record in caplog.records if "goes on although" in record.getMessage()]
        assert (warning.levelno, vars(warning)["job_id"]) == (logging.WARNING, job_id)
        gate.set()
        await testing.run_until_idle()
        assert (await jobs.get(after)).state == "completed"


async def test_a_plain_function_past_its_timeout_keeps_its_slot() -> None:
    """It settles as `timeout` at once, sees its flag, and frees its slot when it ends; what it returns is dropped."""
    gate = threading.Event()
    flags: list[bool] = []
    async with running(concurrency=1) as jobs:

        @jobs.handler(timeout=0.05, retry=ONCE)
        def slow(job: JobContext[None]) -> str:
            assert gate.wait(PATIENCE)
            flags.append(job.cancel_requested)
            return "too late to count"

        jobs.handler("next")(lambda: 1)
        job = await ended(jobs, slow)
        assert (job.state, job.result, outcomes(job)) == ("failed", None, ["timeout"])
        after = (await jobs.submit("next")).job.job_id
        assert worker_of(jobs).running == 1
        gate.set()
        assert (await jobs.wait(after, PATIENCE)).state == "completed"
        assert flags == [True]


async def test_a_cancel_reaches_a_running_handler() -> None:
    """CAN-2: An asynchronous handler is cancelled; the run ends as `canceled`, and is not retried."""
    begun = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work() -> None:
            begun.set()
            await asyncio.Event().wait()

        job_id = (await jobs.submit(work)).job.job_id
        await begun.wait()
        asked = time.monotonic()
        answer = await jobs.cancel(job_id)
        assert (answer.word, answer.job and answer.job.state) == ("requested", "in_progress")
        job = await jobs.wait(job_id, PATIENCE)
        assert time.monotonic() - asked < 1.0
        assert (job.state, outcomes(job), job.error) == ("canceled", ["canceled"], None)


async def test_a_cancel_raises_the_flag_of_a_plain_function() -> None:
    """What it returns afterwards counts; a function that stops by raising is canceled."""
    begun = threading.Event()
    async with running() as jobs:

        def wait_for_flag(job: JobContext[bool]) -> str:
            begun.set()
            until_time = time.monotonic() + PATIENCE
            while not job.cancel_requested and time.monotonic() < until_time:
                time.sleep(0.001)
            if job.payload:
                raise InterruptedError
            return "finished anyway"

        jobs.handler("work")(wait_for_flag)
        for raises, state in ((True, "canceled"), (False, "completed")):
            begun.clear()
            job_id = (await jobs.submit("work", raises)).job.job_id
            await asyncio.to_thread(begun.wait, PATIENCE)
            await jobs.cancel(job_id)
            assert (await jobs.wait(job_id, PATIENCE)).state == state


async def test_a_handler_that_returns_in_spite_of_a_cancel_has_completed() -> None:
    """Swallowing the cancellation is allowed; raising anything after it is `canceled`, not retried."""
    begun = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[str]) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                assert job.cancel_requested
                if job.payload == "raise":
                    raise ValueError("while stopping") from None
            return "finished anyway"

        for payload, state, outcome in (("return", "completed", "completed"), ("raise", "canceled", "canceled")):
            begun.clear()
            job_id = (await jobs.submit(work, payload)).job.job_id
            await begun.wait()
            await jobs.cancel(job_id)
            job = await jobs.wait(job_id, PATIENCE)
            assert (job.state, outcomes(job)) == (state, [outcome])


async def test_a_handler_may_cancel_its_own_job() -> None:
    """It hears of it at its next await."""
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            await jobs.cancel(job.job_id)
            await asyncio.Event().wait()

        assert (await ended(jobs, work)).state == "canceled"


async def test_a_drain_lets_handlers_end_within_the_grace() -> None:
    """SHD-1: No more claims; what runs may end and counts."""
    gate = asyncio.Event()
    async with running(concurrency=1) as jobs:

        @jobs.handler
        async def work() -> str:
            await gate.wait()
            return "done"

        submitted = [(await jobs.submit(work)).job.job_id for _ in range(2)]
        await until(lambda: worker_of(jobs).running == 1)
        draining = asyncio.create_task(jobs.engine.drain(PATIENCE))
        await until(lambda: jobs.engine.draining)
        gate.set()
        await draining
        assert worker_of(jobs).running == 0
        await jobs.engine.close()
        await jobs.engine.store.open()
        assert {(await jobs.get(job_id)).state for job_id in submitted} == {"completed", "queued"}


async def test_what_runs_after_the_grace_is_released_uncharged() -> None:
    """SHD-1: Handlers are cancelled, plain functions told, and their runs given back for somebody else."""
    gate = threading.Event()
    async with running() as jobs:

        @jobs.handler
        async def on_loop() -> None:
            await asyncio.Event().wait()

        @jobs.handler
        async def wraps() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("the connection was cancelled") from None

        @jobs.handler
        def in_thread() -> None:
            assert gate.wait(PATIENCE)

        submitted = [(await jobs.submit(handler)).job.job_id for handler in (on_loop, wraps, in_thread)]
        await until(lambda: worker_of(jobs).running == 3)
        await jobs.stop(grace=0)
        gate.set()
        await jobs.engine.store.open()
        for job_id in submitted:
            job = await jobs.get(job_id)
            assert (job.state, job.attempt, outcomes(job)) == ("queued", 0, ["released"])


async def test_a_handler_that_returns_while_it_is_released_has_completed() -> None:
    """Work that is done is not given back."""
    async with running() as jobs:

        @jobs.handler
        async def work() -> str:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return "saved"

        job_id = (await jobs.submit(work)).job.job_id
        await until(lambda: worker_of(jobs).running == 1)
        await jobs.stop(grace=0)
        await jobs.engine.store.open()
        job = await jobs.get(job_id)
        assert (job.state, job.result) == ("completed", b'"saved"')


async def test_the_second_signal_ends_the_grace() -> None:
    """SHD-1: `release_now` gives back at once what still runs."""
    async with running() as jobs:

        @jobs.handler
        async def work() -> None:
            await asyncio.Event().wait()

        job_id = (await jobs.submit(work)).job.job_id
        await until(lambda: worker_of(jobs).running == 1)
        draining = asyncio.create_task(jobs.stop(grace=3600))
        await until(lambda: jobs.engine.draining)
        jobs.engine.release_now()
        async with asyncio.timeout(PATIENCE):
            await draining
        await jobs.engine.store.open()
        assert outcomes(await jobs.get(job_id)) == ["released"]
