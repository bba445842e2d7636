"""What a handler knows of its job, and what clients see of it meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry, StaleLease, StoredRequest, current_job
from asyncendpoints._core import Settlement, Verdict
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import ended, outcomes, problem, running, until

if TYPE_CHECKING:
    from asyncendpoints import Job


@dataclass
class Order:
    number: int


async def test_a_handler_knows_its_job() -> None:
    """Identity, attempt, payload, request and deadline are at hand, on the loop and in a thread."""
    seen: list[tuple[Any, ...]] = []

    def note(job: JobContext[Order]) -> None:
        left = job.deadline - time.monotonic()
        seen.append(
            (job.job_id, job.request_id, job.attempt, job.max_attempts, job.owner, job.payload, 50 < left <= 60)
        )
        assert job.request.query == "q=1"
        assert not job.cancel_requested
        assert current_job.get() is job

    async def on_loop(job: JobContext[Order]) -> None:
        note(job)

    async with running() as jobs:
        for function in (on_loop, note):
            jobs.handler(function.__name__, timeout=60, retry=Retry(2))(function)
            job = await ended(jobs, function.__name__, Order(5), idempotency_key="k", owner="ann", query={"q": 1})
            assert job.state == "completed", job.error
            assert seen.pop() == (job.job_id, "k", 1, 2, "ann", Order(5), True)


async def test_without_a_request_the_context_has_an_empty_one() -> None:
    """A script's job has a request whose members are empty."""
    async with running() as jobs:

        @jobs.handler
        async def look(job: JobContext[None]) -> bool:
            return job.request == StoredRequest()

        assert (await ended(jobs, look)).result == b"true"


async def test_context_variables_reach_threads_and_do_not_leak_between_runs() -> None:
    """A run's variables are its own, wherever the worker was started and whatever an earlier run has set."""
    request = ContextVar("request", default="none")
    request.set("the one in which the worker was started")
    async with running() as jobs:

        @jobs.handler
        async def on_loop() -> str:
            before = request.get()
            request.set("changed")
            return before

        @jobs.handler
        def in_thread() -> str:
            before = request.get()
            request.set("changed")
            return before

        for handler in (on_loop, in_thread, on_loop, in_thread):
            assert (await ended(jobs, handler)).result == b'"none"'


async def test_progress_is_seen_at_once_and_its_last_word_is_kept() -> None:
    """The first progress is written at once; a thousand more are few writes, and the last of them is never lost."""
    store = FaultyStore(MemoryStore())
    seen = asyncio.Event()
    async with running(store) as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            await job.progress(1, "begun", {"step": 0})
            await seen.wait()
            for number in range(1000):
                await job.progress(number / 10, f"step {number}")

        submission = await jobs.submit(work)
        job = submission.job
        while job.progress is None:
            job = await jobs.engine.wait(job.job_id, version=job.version, timeout=5)
        assert json.loads(job.progress) == {"percent": 1, "message": "begun", "data": {"step": 0}}
        seen.set()
        job = await jobs.wait(job.job_id, 5)
        assert json.loads(job.progress or b"") == {"percent": 99.9, "message": "step 999", "data": None}
        assert store.calls["progress"] < 20


async def test_progress_that_is_joined_is_seen_within_the_interval() -> None:
    """Progress that follows closely on another is written behind the handler's back, while it goes on."""
    gate = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            await job.progress(1)
            await job.progress(2)
            await gate.wait()

        job = (await jobs.submit(work)).job
        begun = time.monotonic()
        while job.progress is None or json.loads(job.progress)["percent"] != 2:
            job = await jobs.engine.wait(job.job_id, version=job.version, timeout=5)
        taken = time.monotonic() - begun
        gate.set()
        assert (await jobs.wait(job.job_id, 5)).state == "completed"
        assert taken < 2.0


async def test_progress_from_a_thread_is_seen_too() -> None:
    """A plain function reports with the blocking twin; its last word is kept as well."""
    gate = threading.Event()
    async with running() as jobs:

        @jobs.handler
        def work(job: JobContext[None]) -> None:
            job.from_thread.progress(10, "thread")
            assert gate.wait(10)
            for number in range(100):
                job.from_thread.progress(number)

        job = (await jobs.submit(work)).job
        while job.progress is None:
            job = await jobs.engine.wait(job.job_id, version=job.version, timeout=5)
        gate.set()
        job = await jobs.wait(job.job_id, 5)
        assert json.loads(job.progress or b"")["percent"] == 99


@pytest.mark.parametrize("arguments", [(101,), (-1,), (float("nan"),), (True,), (1, "x", object()), (1, "x" * 70_000)])
async def test_progress_out_of_bounds_is_an_error_of_the_handler(arguments: tuple[Any, ...]) -> None:
    """What is not progress is refused where it is reported."""
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work(job: JobContext[None]) -> None:
            await job.progress(*arguments)

        job = await ended(jobs, work)
        assert problem(job)["detail"].startswith("ValueError: p")


async def test_a_run_that_lost_its_job_is_told_so() -> None:
    """LSE-2: Progress of a stale run changes nothing, and raises StaleLease in the handler."""
    told: list[str] = []
    async with running() as jobs:

        @jobs.handler(retry=Retry(2, Fixed(3600)))
        async def work(job: JobContext[None]) -> None:
            await settle_behind_its_back(jobs, await jobs.get(job.job_id))
            try:
                await job.progress(1)
            except StaleLease as error:
                told.append(str(error))
                raise

        job = (await jobs.submit(work)).job
        await until(lambda: told)
        assert "no longer this run's" in told[0]
        await until(lambda: jobs.engine.meters.leases_lost == 1)
        after = await jobs.get(job.job_id)
        assert (after.state, after.progress, outcomes(after)) == ("completed", None, ["completed"])


async def settle_behind_its_back(jobs: AsyncEndpoints, job: Job) -> None:
    """End a run as another process would."""
    verdict = Verdict(to_state="completed", outcome="completed")
    settlement = Settlement(job_id=job.job_id, fence=job.fence, verdict=verdict, verdict_if_canceled=verdict, nonce=1)
    assert await jobs.engine.store.settle([settlement]) == ["completed"]
