"""Procrastinate: the client, and the worker."""

from __future__ import annotations

from typing import Any, Final

import uvloop
from procrastinate import App, PsycopgConnector

from benches.peers.clients import client, handlers

app = App(connector=PsycopgConnector(conninfo=handlers.URL))


@app.task(name="noop")
async def noop(payload: dict[str, Any]) -> None:
    """See `handlers.noop`."""
    handlers.noop(payload)


@app.task(name="pickup")
async def pickup(payload: dict[str, Any]) -> None:
    """See `handlers.pickup`."""
    handlers.pickup(payload)


TASKS: Final = {"noop": noop, "pickup": pickup}


class Client(client.Client):
    """Procrastinate defers lists in one statement, and keeps no results: the job says that it succeeded."""

    async def open(self) -> None:
        """Connect, and make the tables where they are missing."""
        await app.open_async()
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()

    async def close(self) -> None:
        """Disconnect."""
        await app.close_async()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return str(await TASKS[handler].defer_async(payload=payload))

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Defer them in one statement."""
        found = await TASKS[handler].batch_defer_async(*[{"payload": payload} for payload in payloads])
        return [str(job_id) for job_id in found]

    async def is_done(self, job_id: str, number: int) -> bool:
        """Look at the job."""
        return (await app.job_manager.get_job_status_async(int(job_id))).value == "succeeded"


def work() -> None:
    """Run until the process is killed. Not by Procrastinate's command, which logs two lines for each job."""
    uvloop.install()
    app.run_worker(concurrency=handlers.CONCURRENCY)
