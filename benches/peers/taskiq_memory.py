"""From submit to completed in one process, beside Taskiq's in-memory broker."""

from __future__ import annotations

import asyncio
import gc
import time
from statistics import median
from typing import Final

from taskiq import InMemoryBroker

from benches.python.end_to_end import IN_FLIGHT, end_to_end
from benches.results import Figure

JOBS: Final = 5_000
REPEATS: Final = 7


async def taskiq(count: int) -> float:
    """Return how many calls a second go from `kiq` to their results, which are waited for as they come."""
    broker = InMemoryBroker(max_async_tasks=IN_FLIGHT)

    @broker.task
    async def call() -> None:
        """Do nothing, as the handler does."""

    await broker.startup()
    begun = time.perf_counter()
    for _ in range(count // IN_FLIGHT):
        kicked = [await call.kiq() for _ in range(IN_FLIGHT)]
        for task in kicked:
            await task.wait_result(check_interval=0)
    taken = time.perf_counter() - begun
    await broker.shutdown()
    return count / taken


def figures() -> list[Figure]:
    """Measure both in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(REPEATS):
        for measure, rates in ((end_to_end, ours), (taskiq, theirs)):
            gc.collect()
            rates.append(asyncio.run(measure(JOBS)))
    return [
        Figure(
            what="Python: the same, beside Taskiq",
            value=median(ours),
            unit="jobs/s",
            repeats=ours,
            target=5.0,
            peer="Taskiq InMemoryBroker",
            peer_value=median(theirs),
            peer_repeats=theirs,
        )
    ]
