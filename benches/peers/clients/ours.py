"""asyncendpoints: the client, and the application that `asyncendpoints worker` runs."""

from __future__ import annotations

import json
from typing import Any

import uvloop

from asyncendpoints import AsyncEndpoints, JobContext
from benches.peers.clients import client, handlers

jobs = AsyncEndpoints(handlers.URL, worker=False)


@jobs.handler("noop")
async def noop(job: JobContext[dict[str, Any]]) -> int:
    """See `handlers.noop`."""
    return handlers.noop(job.payload)


@jobs.handler("pickup")
async def pickup(job: JobContext[dict[str, Any]]) -> int:
    """See `handlers.pickup`."""
    return handlers.pickup(job.payload)


@jobs.handler("burn")
async def burn(job: JobContext[dict[str, Any]]) -> int:
    """See `handlers.burn`."""
    return handlers.burn(job.payload)


class Client(client.Client):
    """Uses the library as its documentation says."""

    async def open(self) -> None:
        """Connect."""
        await jobs.start()

    async def close(self) -> None:
        """Disconnect."""
        await jobs.stop()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return (await jobs.submit(handler, payload)).job.job_id

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Submit them in one call."""
        return [submission.job.job_id for submission in await jobs.submit_many(handler, payloads)]

    async def is_done(self, job_id: str, number: int) -> bool:
        """Read the result."""
        job = await jobs.get(job_id)
        return job.state == "completed" and json.loads(job.result or b"null") == number


if __name__ == "__main__":
    client.main(Client)
else:
    # The worker's command imports this module before it makes its loop.
    uvloop.install()
