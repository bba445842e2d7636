"""streaq: the client, and the worker."""

from __future__ import annotations

import sys
from typing import Any, Final

from streaq import TaskStatus, Worker

from benches.peers.clients import client, handlers

worker = Worker(
    redis_url=handlers.URL,
    queue_name="bench",
    concurrency=handlers.CONCURRENCY,
    anyio_kwargs={"use_uvloop": True},
)


@worker.task(name="noop")
async def noop(payload: dict[str, Any]) -> int:
    """See `handlers.noop`."""
    return handlers.noop(payload)


@worker.task(name="pickup")
async def pickup(payload: dict[str, Any]) -> int:
    """See `handlers.pickup`."""
    return handlers.pickup(payload)


TASKS: Final = {"noop": noop, "pickup": pickup}


class Client(client.Client):
    """streaq pipelines many tasks by `enqueue_many`."""

    done: dict[str, Any] | None = None

    async def open(self) -> None:
        """Connect."""
        await worker.__aenter__()

    async def close(self) -> None:
        """Disconnect."""
        await worker.__aexit__(None, None, None)

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return (await TASKS[handler].enqueue(payload)).id

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Pipeline them."""
        tasks = [TASKS[handler].enqueue(payload) for payload in payloads]
        await worker.enqueue_many(tasks)
        return [task.id for task in tasks]

    async def is_done(self, job_id: str, number: int) -> bool:
        """Read the result."""
        # All at once: asking for one waits for a subscription of its own, a tenth of a second each time.
        if self.done is None:
            found = await worker.get_tasks_by_status(TaskStatus.DONE, limit=sys.maxsize)
            self.done = {result.task_id: result.result for result in found if result.success}
        return self.done.get(job_id) == number


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        # Not by streaq's command, which logs lines for each task.
        worker.run_sync()
    else:
        client.main(Client)
