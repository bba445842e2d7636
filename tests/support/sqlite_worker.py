"""A worker process on a SQLite file: `python -m tests.support.sqlite_worker URL DIRECTORY`, until it is ended.

A `hold` job leaves a mark in the directory for each attempt and never ends its first; a `pass` job ends at once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from asyncendpoints import AsyncEndpoints, JobContext


def application(url: str, marks: Path) -> AsyncEndpoints:
    """Return an application on the file whose handlers leave marks."""
    jobs = AsyncEndpoints(url, lease_for=1.0)

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


async def _work(url: str, marks: Path) -> None:
    async with application(url, marks):
        print("works", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2])))
