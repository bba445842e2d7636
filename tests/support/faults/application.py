"""The application whose processes are killed: handlers that write down what they do."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from tests.support.faults.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ATTEMPTS: Final = 5
RETRY: Final = Retry(max_attempts=MAX_ATTEMPTS, backoff=Fixed(0.02))
JOURNAL: Final = "FAULTS_JOURNAL"
URL: Final = "FAULTS_URL"
NAMESPACE: Final = "FAULTS_NAMESPACE"
LEASE: Final = "FAULTS_LEASE"
CONCURRENCY: Final = "FAULTS_CONCURRENCY"


def make_jobs(environment: Mapping[str, str], **settings: Any) -> AsyncEndpoints:
    """Return the application's jobs.

    Args:
        environment: Where the store, the namespace, the journal, the lease and the concurrency are told.
        **settings: Further settings.
    """
    book = Journal(Path(environment[JOURNAL]))
    jobs = AsyncEndpoints(
        environment[URL],
        namespace=environment[NAMESPACE],
        lease_for=float(environment[LEASE]),
        concurrency=int(environment[CONCURRENCY]),
        shutdown_grace=0.5,
        **settings,
    )

    @jobs.handler("work", retry=RETRY)
    async def work(job: JobContext[float]) -> int:
        """Take some seconds, and say who did it."""
        with book.run(job):
            await asyncio.sleep(job.payload)
        return os.getpid()

    @jobs.handler("swallow", retry=RETRY)
    async def swallow(job: JobContext[str]) -> int:
        """Take a payload of any size."""
        with book.run(job):
            return len(job.payload)

    @jobs.handler("fail", retry=RETRY)
    async def fail(job: JobContext[float]) -> int:
        """Fail at first, then do the work."""
        with book.run(job):
            await asyncio.sleep(job.payload)
            if job.attempt < 2:
                raise RuntimeError("not yet")
        return os.getpid()

    @jobs.handler("effect", retry=RETRY)
    async def effect(job: JobContext[float]) -> int:
        """Report progress, and have an effect at most once."""
        with book.run(job):
            await job.progress(1, "begun")
            await job.once("effect", lambda: book.note("effect", job))
            await asyncio.sleep(job.payload)
        return os.getpid()

    @jobs.handler("report", retry=RETRY)
    async def report(job: JobContext[float]) -> int:
        """Report progress all the time."""
        with book.run(job):
            until = time.monotonic() + job.payload
            while time.monotonic() < until:
                await job.progress(50, f"{os.getpid()}")
                await asyncio.sleep(0.05)
        return os.getpid()

    @jobs.handler("block", retry=RETRY)
    async def block(job: JobContext[float]) -> int:
        """Block the event loop."""
        with book.run(job):
            time.sleep(job.payload)  # noqa: ASYNC251 (the point)
        return os.getpid()

    @jobs.handler("hold", retry=RETRY)
    async def hold(job: JobContext[float]) -> int:
        """Keep the interpreter's lock in C."""
        with book.run(job):
            ctypes.PyDLL(None).usleep(int(job.payload * 1_000_000))
        return os.getpid()

    return jobs
