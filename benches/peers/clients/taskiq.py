"""Taskiq on Redis streams: the client, and the broker that its worker runs."""

from __future__ import annotations

from typing import Any, Final

from taskiq.exceptions import ResultGetError
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benches.peers.clients import client, handlers

results: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(handlers.URL)
broker = RedisStreamBroker(handlers.URL, queue_name="bench").with_result_backend(results)


@broker.task(task_name="noop")
async def noop(payload: dict[str, Any]) -> int:
    """See `handlers.noop`."""
    return handlers.noop(payload)


@broker.task(task_name="pickup")
async def pickup(payload: dict[str, Any]) -> int:
    """See `handlers.pickup`."""
    return handlers.pickup(payload)


TASKS: Final = {"noop": noop, "pickup": pickup}


class Client(client.Client):
    """Taskiq has no call for many jobs."""

    async def open(self) -> None:
        """Connect."""
        await broker.startup()

    async def close(self) -> None:
        """Disconnect."""
        await broker.shutdown()

    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job."""
        return (await TASKS[handler].kiq(payload)).task_id

    async def is_done(self, job_id: str, number: int) -> bool:
        """Read the result."""
        try:
            found = await results.get_result(job_id)
        except ResultGetError:
            return False
        return not found.is_err and found.return_value == number


if __name__ == "__main__":
    client.main(Client)
