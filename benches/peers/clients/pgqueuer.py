"""PGQueuer: the client, and the worker."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import uvloop
from asyncpg.exceptions import DuplicateObjectError, DuplicateTableError
from pgqueuer import PgQueuer, Queries

from benches.peers.clients import client, handlers

if TYPE_CHECKING:
    from pgqueuer.models import Job

BATCH: Final = handlers.CONCURRENCY // 2
"""How many jobs a worker takes and settles in one statement: as many as it allows beside a bound for all that run."""


class Client(client.Client):
    """PGQueuer enqueues lists in one statement, and keeps no results: the log says that a job was successful."""

    pool: asyncpg.Pool
    queries: Queries

    async def open(self) -> None:
        """Connect, and make the tables where they are missing."""
        self.pool = await asyncpg.create_pool(handlers.URL)
        self.queries = Queries.from_asyncpg_pool(self.pool)
        if not await self.queries.schema_is_installed():
            with suppress(DuplicateObjectError, DuplicateTableError):
                await self.queries.install()

    async def close(self) -> None:
        """Disconnect."""
        await self.pool.close()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return str((await self.queries.enqueue(handler, json.dumps(payload).encode()))[0])

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Enqueue them in one statement."""
        count = len(payloads)
        bodies: list[bytes | None] = [json.dumps(payload).encode() for payload in payloads]
        return [str(found) for found in await self.queries.enqueue([handler] * count, bodies, [0] * count)]

    async def is_done(self, job_id: str, number: int) -> bool:
        """Look into the log."""
        return [status for _, status in await self.queries.job_status([int(job_id)])] == ["successful"]


async def work() -> None:
    """Run until the process is killed."""
    pool = await asyncpg.create_pool(handlers.URL)
    pgq = PgQueuer.from_asyncpg_pool(pool)

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:
        """See `handlers.noop`."""
        handlers.noop(json.loads(job.payload or b"null"))

    @pgq.entrypoint("pickup")
    async def pickup(job: Job) -> None:
        """See `handlers.pickup`."""
        handlers.pickup(json.loads(job.payload or b"null"))

    await pgq.run(batch_size=BATCH, max_concurrent_tasks=handlers.CONCURRENCY)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        uvloop.install()
        asyncio.run(work())
    else:
        client.main(Client)
