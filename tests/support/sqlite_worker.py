"""A worker process on a SQL store: `python -m tests.support.sqlite_worker URL DIRECTORY [LEASE]`, until it is ended.

A `hold` job leaves a mark in the directory for each attempt and never ends its first; a `pass` job ends at once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from asyncendpoints import AsyncEndpoints, JobContext


def application(url: str, marks: Path, lease_for: float = 1.0) -> AsyncEndpoints:
    """Return an application on the store whose handlers leave marks."""
    jobs = AsyncEndpoints(url, lease_for=lease_for)

    @jobs.handler("hold")
    async def hold(job: JobContext[int]) -> str:
        (marks / f"{job.payload}.{job.attempt}").touch()
        if job.attempt == 1:
            await asyncio.Event().wait()
        return f"attempt {job.attempt}"

    @jobs.handler("pass")
    async def ends(job: JobContext[int]) -> int:
        return job.payload

    return jobs


async def _work(url: str, marks: Path, *lease_for: float) -> None:
    async with application(url, marks, *lease_for):
        print("works", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:])))
