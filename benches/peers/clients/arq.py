"""arq: the client, and the worker."""

from __future__ import annotations

import sys
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job
from arq.worker import run_worker

from benches.peers.clients import client, handlers


class Client(client.Client):
    """arq has no call for many jobs."""

    pool: ArqRedis

    async def open(self) -> None:
        """Connect."""
        self.pool = await create_pool(RedisSettings.from_dsn(handlers.URL))

    async def close(self) -> None:
        """Disconnect."""
        await self.pool.aclose()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        job = await self.pool.enqueue_job(handler, payload)
        assert job is not None
        return job.job_id

    async def is_done(self, job_id: str, number: int) -> bool:
        """Read the result."""
        info = await Job(job_id, self.pool).result_info()
        return info is not None and info.success and info.result == number


async def noop(ctx: dict[str, Any], payload: dict[str, Any]) -> int:
    """See `handlers.noop`."""
    return handlers.noop(payload)


async def pickup(ctx: dict[str, Any], payload: dict[str, Any]) -> int:
    """See `handlers.pickup`."""
    return handlers.pickup(payload)


class WorkerSettings:
    """arq's settings: its defaults, but for the concurrency."""

    functions = (noop, pickup)
    redis_settings = RedisSettings.from_dsn(handlers.URL)
    max_jobs = handlers.CONCURRENCY


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        # Not by arq's command, which logs two lines for each job.
        uvloop.install()
        run_worker(WorkerSettings)
    else:
        client.main(Client)
