"""A process with a relay that ends at a named point: `python -m tests.support.outbox_process DATABASE REDIS POINT`.

The points are `commit` (after a commit of its own, before anything is moved), `enqueue` (the store has the jobs, the
outbox still has them too) and `never`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from asyncendpoints import AsyncEndpoints, JobContext
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE = 1.0
"""Seconds for which a relay has what it takes to itself."""


def die() -> None:
    """End at once, without running any code."""
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStore(RedisStore):
    """A store whose process ends when jobs from the outbox have been stored, before anybody hears of it."""

    async def enqueue(self, jobs: Sequence[Any], **options: Any) -> Any:
        """Store, and die."""
        await super().enqueue(jobs, **options)
        die()


def application(database: str, redis: str, *, deadly: bool = False, worker: bool = True) -> AsyncEndpoints:
    """Return an application whose jobs are in Redis and whose outbox is in a SQLite file."""
    store = DeadlyStore(redis) if deadly else RedisStore(redis)
    jobs = AsyncEndpoints(store, outbox=f"sqlite:///{database}", lease_for=LEASE, worker=worker)

    @jobs.handler("mark")
    async def mark(job: JobContext[int]) -> int:
        return job.payload

    return jobs


async def submit(jobs: AsyncEndpoints, database: str, numbers: Sequence[int]) -> list[str]:
    """Submit jobs in one transaction, commit it, and return their ids."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{database}")
    async with AsyncSession(engine) as session:
        submitted = await jobs.submit_many("mark", numbers, session=session)
        await session.commit()
    await engine.dispose()
    return [each.job.job_id for each in submitted]


async def _main(database: str, redis: str, point: str) -> None:
    jobs = application(database, redis, deadly=point == "enqueue", worker=point == "never")
    if point == "commit":
        # Not started, so that no relay of this process is quicker.
        print(*await submit(jobs, database, range(20)), flush=True)  # noqa: T201
        die()
    async with jobs:
        if point == "enqueue":
            print(*await submit(jobs, database, range(20)), flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
