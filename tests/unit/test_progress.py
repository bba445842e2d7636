"""Progress over slow and failing stores: it goes on, never goes back, and its last word is kept."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, JobContext, Retry
from asyncendpoints.progress import encode_progress
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import PATIENCE, ended, problem, running, until

if TYPE_CHECKING:
    from asyncendpoints import Job


class SlowStore(FaultyStore):
    """Writes progress when told, and keeps what was written."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.turns = asyncio.Semaphore(0)
        self.waiting = 0
        self.most = 0
        self.written: list[float | None] = []

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Write when it is let."""
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.turns.acquire()
        self.waiting -= 1
        self.written.append(percent(body))
        return await super().progress(job_id, fence, body, now=now)


def percent(body: bytes | None) -> float | None:
    """Return what stored progress says."""
    return None if body is None else json.loads(body)["percent"]


async def test_a_write_slower_than_the_interval_does_not_end_the_progress_of_a_thread() -> None:
    """What is reported meanwhile is written when the slow write has ended."""
    store = SlowStore()
    jobs = AsyncEndpoints("memory://")
    gate, reported = threading.Event(), threading.Event()

    @jobs.handler
    def work(job: JobContext[None]) -> None:
        job.from_thread.progress(1)
        assert gate.wait(PATIENCE)
        gate.clear()
        job.from_thread.progress(2)
        reported.set()
        assert gate.wait(PATIENCE)

    async with Testing(jobs, store=store) as testing:
        job_id = (await jobs.submit(work)).job.job_id
        await until(lambda: store.waiting == 1)
        gate.set()
        await until(reported.is_set)
        await testing.advance(1)
        store.turns.release()
        await until(lambda: store.waiting == 1)
        store.turns.release()
        await until(lambda: store.written == [1, 2])
        job = await jobs.get(job_id)
        assert (job.state, percent(job.progress)) == ("in_progress", 2)
        gate.set()


async def test_several_reporters_of_one_run_write_one_after_the_other() -> None:
    """However slow the store is, an older progress is never written after a newer one."""
    store = SlowStore()
    jobs = AsyncEndpoints("memory://")
    gate = asyncio.Event()

    @jobs.handler
    async def work(job: JobContext[None]) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(job.progress(number))
        await gate.wait()

    async with Testing(jobs, store=store) as testing:
        await jobs.submit(work)
        await until(lambda: store.waiting == 1)
        await testing.advance(1)
        store.turns.release()
        await until(lambda: store.written == [0])
        await testing.advance(1)
        store.turns.release()
        await until(lambda: store.written == [0, 2])
        assert store.most == 1
        gate.set()


async def test_a_cancel_during_the_last_write_does_not_lose_it() -> None:
    """The handler has ended: the job is completed, with its last progress."""
    store = SlowStore()
    ended_handler = asyncio.Event()
    async with running(store) as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> str:
            reports = [asyncio.create_task(job.progress(number)) for number in (1, 2)]
            await asyncio.sleep(0)
            ended_handler.set()
            for report in reports:
                report.cancel()
            return "done"

        job_id = (await jobs.submit(work)).job.job_id
        await ended_handler.wait()
        await until(lambda: store.waiting == 1)
        assert (await jobs.cancel(job_id)).word == "requested"
        for number in (1, 2):
            store.turns.release()
            await until(lambda number=number: len(store.written) == number)
        job = await jobs.wait(job_id, PATIENCE)
        assert (job.state, percent(job.progress), store.written) == ("completed", 2, [1, 2])


async def test_a_store_that_does_not_answer_is_asked_again_without_the_handler() -> None:
    """The handler hears nothing of it; the progress is written by and by, though nothing new is reported."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints("memory://")
    gate = asyncio.Event()

    @jobs.handler
    async def work(job: JobContext[None]) -> None:
        await job.progress(50, "half")
        await gate.wait()

    async with Testing(jobs, store=store) as testing:
        store.fail_before("progress", 3)
        job_id = (await jobs.submit(work)).job.job_id
        await testing.advance(0)
        assert (await jobs.get(job_id)).progress is None
        await testing.advance(2)
        job: Job = await jobs.get(job_id)
        assert (job.state, percent(job.progress)) == ("in_progress", 50)
        assert store.calls["progress"] == 4
        gate.set()


async def test_the_last_progress_of_a_handler_is_tried_again_at_its_end() -> None:
    """A write that failed is repeated when the handler ends."""
    store = FaultyStore(MemoryStore())
    async with running(store) as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            store.fail_before("progress")
            await job.progress(50)

        job = await ended(jobs, work)
        assert (job.state, percent(job.progress)) == ("completed", 50)


async def test_the_blocking_twins_are_refused_on_the_event_loop() -> None:
    """There they would wait for the loop that they block: RuntimeError names what to await instead."""
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def progress(job: JobContext[None]) -> None:
            job.from_thread.progress(1)

        @jobs.handler(retry=Retry(1))
        async def once(job: JobContext[None]) -> None:
            job.from_thread.once("key", lambda: 1)

        for handler, remedy in ((progress, "await job.progress("), (once, "await job.once(")):
            detail = problem(await ended(jobs, handler))["detail"]
            assert detail.startswith("RuntimeError: ")
            assert remedy in detail


@pytest.mark.parametrize(
    "report",
    [
        {"percent": "5"},
        {"percent": float("nan")},
        {"percent": True},
        {"message": 5},
        {"message": "\ud800"},
        {"data": {"a": float("inf")}},
        {"data": object()},
    ],
)
def test_progress_that_json_would_change_is_refused(report: dict[str, Any]) -> None:
    """Progress is what the contract says, or an error: nothing becomes null or text in silence."""
    with pytest.raises(ValueError, match="must be"):
        encode_progress(**{"percent": None, "message": None, "data": None, **report})
