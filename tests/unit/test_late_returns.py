"""A handler that returns too late has done nothing: what its dependencies hold is rolled back."""

# The functions here are data of the tests, written as users write them; FastAPI reads their annotations.

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import FastAPI

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, JobDepends, Retry
from tests.support.running import until

TWICE = Retry(max_attempts=2, backoff=Fixed(0))
ends: list[tuple[str, list[int]]] = []


async def transaction() -> AsyncIterator[list[int]]:
    writes: list[int] = []
    try:
        yield writes
    except BaseException:
        ends.append(("rollback", writes))
        raise
    ends.append(("commit", writes))


def plain_transaction() -> Iterator[list[int]]:
    writes: list[int] = []
    try:
        yield writes
    except BaseException:
        ends.append(("rollback", writes))
        raise
    ends.append(("commit", writes))


@pytest.fixture(autouse=True)
def _nothing_has_ended() -> None:
    ends.clear()


async def _run(jobs: AsyncEndpoints, handler: Any, expected: list[tuple[str, list[int]]]) -> None:
    async with jobs:
        submission = await jobs.submit(handler)
        job = await jobs.wait(submission.job.job_id, 30)
        assert job.state == "completed"
        await until(lambda: len(ends) == len(expected))
    assert sorted(ends) == sorted(expected)


async def test_a_handler_that_swallows_its_timeout_does_not_commit() -> None:
    """The attempt timed out; what it returns afterwards is rolled back, and the next attempt's work stands alone."""
    jobs, app = AsyncEndpoints("memory://"), FastAPI()
    jobs.install(app)

    @app.post("/work")
    @jobs.endpoint(timeout=0.1, retry=TWICE)
    async def work(db: Annotated[list[int], JobDepends(transaction)], job: JobContext) -> None:
        db.append(job.attempt)
        if job.attempt == 1:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return

    await _run(jobs, work, [("rollback", [1]), ("commit", [2])])


async def test_a_plain_function_that_returns_after_its_timeout_does_not_commit() -> None:
    """Nothing interrupts a thread; but what it did after its time is rolled back."""
    jobs, app = AsyncEndpoints("memory://"), FastAPI()
    jobs.install(app)
    second = threading.Event()

    @app.post("/work")
    @jobs.endpoint(timeout=0.2, retry=TWICE)
    def work(db: Annotated[list[int], JobDepends(plain_transaction)], job: JobContext) -> None:
        db.append(job.attempt)
        if job.attempt == 1:
            second.wait(30)
        else:
            second.set()

    await _run(jobs, work, [("rollback", [1]), ("commit", [2])])


async def test_a_handler_in_time_commits() -> None:
    """The transaction of the attempt that counts is committed."""
    jobs, app = AsyncEndpoints("memory://"), FastAPI()
    jobs.install(app)

    @app.post("/work")
    @jobs.endpoint()
    async def work(db: Annotated[list[int], JobDepends(transaction)], job: JobContext) -> None:
        db.append(job.attempt)

    await _run(jobs, work, [("commit", [1])])
