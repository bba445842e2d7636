"""SAQ: the client, and the worker's settings."""

from __future__ import annotations

from typing import Any

import uvloop
from saq import Queue as SaqQueue
from saq import Status

from benches.peers.clients import client, handlers

NAME = "bench"


class Client(client.Client):
    """SAQ has no call for many jobs."""

    queue: SaqQueue

    async def open(self) -> None:
        """Connect."""
        self.queue = SaqQueue.from_url(handlers.URL, name=NAME)
        await self.queue.connect()

    async def close(self) -> None:
        """Disconnect."""
        await self.queue.disconnect()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        job = await self.queue.enqueue(handler, payload=payload)
        assert job is not None
        return job.key

    async def is_done(self, job_id: str, number: int) -> bool:
        """Read the result."""
        job = await self.queue.job(job_id)
        return job is not None and job.status == Status.COMPLETE and job.result == number


async def noop(ctx: dict[str, Any], *, payload: dict[str, Any]) -> int:
    """See `handlers.noop`."""
    return handlers.noop(payload)


async def pickup(ctx: dict[str, Any], *, payload: dict[str, Any]) -> int:
    """See `handlers.pickup`."""
    return handlers.pickup(payload)


async def swept(ctx: dict[str, Any]) -> None:
    """Say that another worker has swept just now.

    The sweep that a worker begins with aborts jobs which that worker has taken and not yet marked as active: some
    jobs of a full queue would never run, and the comparison would stop there.
    """
    queue = ctx["worker"].queue
    await queue.redis.set(queue.namespace("sweep"), 1, ex=3_600)


def settings() -> dict[str, Any]:
    """Return the worker's settings: SAQ's defaults, but for the concurrency."""
    uvloop.install()
    return {
        "queue": SaqQueue.from_url(handlers.URL, name=NAME),
        "functions": [noop, pickup],
        "concurrency": handlers.CONCURRENCY,
        "startup": swept,
    }


if __name__ == "__main__":
    client.main(Client)
