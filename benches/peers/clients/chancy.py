"""Chancy: the client, and the worker."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import uvloop
from chancy import Chancy, Job, Queue, QueuedJob, Reference, Worker

from benches.peers.clients import client, handlers


def connect() -> Chancy:
    """Return the application, with its default plugins and without a line of log for each job."""
    log = logging.getLogger("chancy")
    log.setLevel(logging.WARNING)
    return Chancy(handlers.URL, log=log)


class Client(client.Client):
    """Chancy pushes many jobs in one transaction, and keeps no results: the job says that it succeeded."""

    app: Chancy

    async def open(self) -> None:
        """Connect, and make the tables where they are missing."""
        self.app = await connect().__aenter__()
        await self.app.migrate()
        # In the event loop, as suits handlers that are coroutines; and looking for work whenever a job has ended,
        # because otherwise it looks every five seconds.
        queue = Queue("default", concurrency=handlers.CONCURRENCY, executor=Chancy.Executor.Async, eager_polling=True)
        await self.app.declare(queue, upsert=True)

    async def close(self) -> None:
        """Disconnect."""
        await self.app.__aexit__(None, None, None)

    def _job(self, handler: str, payload: dict[str, Any]) -> Job:
        return Job(func=f"benches.peers.clients.chancy.{handler}", kwargs={"payload": payload})

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return str((await self.app.push(self._job(handler, payload))).identifier)

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Push them in one transaction."""
        jobs = [self._job(handler, payload) for payload in payloads]
        return [str(found.identifier) async for part in self.app.push_many(jobs) for found in part]

    async def is_done(self, job_id: str, number: int) -> bool:
        """Look at the job."""
        job = await self.app.get_job(Reference(job_id))
        return job is not None and job.state == QueuedJob.State.SUCCEEDED and job.attempts == 1


async def noop(*, payload: dict[str, Any]) -> None:
    """See `handlers.noop`."""
    handlers.noop(payload)


async def pickup(*, payload: dict[str, Any]) -> None:
    """See `handlers.pickup`."""
    handlers.pickup(payload)


async def work() -> None:
    """Run until the process is killed."""
    async with connect() as app, Worker(app) as worker:
        await worker.wait_for_shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        uvloop.install()
        asyncio.run(work())
    else:
        client.main(Client)
