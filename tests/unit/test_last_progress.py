"""A run's end is decided when its handler has ended; its last progress is written afterwards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import JobContext, Retry
from asyncendpoints.stores.memory import MemoryStore
from tests.support.running import PATIENCE, outcomes, running, until

if TYPE_CHECKING:
    from asyncendpoints import AsyncEndpoints


class SlowProgress(MemoryStore):
    """Its second write of progress waits until it is let go, and then may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.writing = asyncio.Event()
        self.let_go = asyncio.Event()
        self.error: Exception | None = None
        self.written: list[bytes] = []

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        self.writes += 1
        if self.writes > 1:
            self.writing.set()
            await self.let_go.wait()
            if self.error is not None:
                raise self.error
        written = await super().progress(job_id, fence, body, now=now)
        self.written.append(body)
        return written


def reporting(jobs: AsyncEndpoints, timeout: float = 60.0) -> None:
    @jobs.handler("reports", timeout=timeout, retry=Retry(max_attempts=1))
    async def reports(job: JobContext[Any]) -> str:
        await job.progress(1)
        await job.progress(2)
        return "done"


@pytest.mark.parametrize("stop", ["timeout", "cancel"])
async def test_a_handler_that_returned_in_time_has_its_result(stop: str) -> None:
    """A timeout or a cancel while its last progress is written neither changes its end nor loses that progress."""
    store = SlowProgress()
    async with running(store) as jobs:
        reporting(jobs, 0.2 if stop == "timeout" else 60.0)
        job_id = (await jobs.submit("reports")).job.job_id
        async with asyncio.timeout(PATIENCE):
            await store.writing.wait()
        if stop == "cancel":
            await jobs.cancel(job_id)
            store.let_go.set()
        job = await jobs.wait(job_id, PATIENCE)
        assert (job.state, job.result, outcomes(job)) == ("completed", b'"done"', ["completed"])
        store.let_go.set()
        await until(lambda: len(store.written) == 2)


async def test_a_store_that_fails_at_the_last_progress_costs_no_result(caplog: pytest.LogCaptureFixture) -> None:
    """The progress is lost and said to be; the job completes."""
    store = SlowProgress()
    store.error = RuntimeError("defect")
    store.let_go.set()
    async with running(store) as jobs:
        reporting(jobs)
        job = await jobs.wait((await jobs.submit("reports")).job.job_id, PATIENCE)
    assert (job.state, job.result) == ("completed", b'"done"')
    assert "RuntimeError: defect" in caplog.text
