"""From submit to completed in one process, against a bare loop that creates one asyncio task for each call.

Both are measured in turns in one process, on asyncio's own loop: `python -m benches worker`.
"""

from __future__ import annotations

import asyncio
import gc
import time
from statistics import median
from typing import Final

from asyncendpoints import AsyncEndpoints
from benches.results import Figure

JOBS: Final = 20_000
REPEATS: Final = 9
IN_FLIGHT: Final = 100
"""How many calls the bare loop has in flight, and how many jobs are submitted between two turns of the loop."""


async def call() -> None:
    """Do nothing, as the handler does."""


async def bare_loop(calls: int) -> float:
    """Return how many calls a second one task each makes."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    for _ in range(calls // IN_FLIGHT):
        await asyncio.gather(*[loop.create_task(call()) for _ in range(IN_FLIGHT)])
    return calls / (time.perf_counter() - begun)


async def end_to_end(count: int) -> float:
    """Return how many jobs a second go from `submit` to `completed`."""
    jobs = AsyncEndpoints("memory://", concurrency=IN_FLIGHT)
    jobs.handler("call")(call)
    async with jobs:
        begun = time.perf_counter()
        last = await jobs.submit("call")
        for number in range(1, count):
            last = await jobs.submit("call")
            if number % IN_FLIGHT == 0:
                await asyncio.sleep(0)
        await jobs.wait(last.job.job_id)
        taken = time.perf_counter() - begun
        states = (await jobs.engine.store.stats()).counts["default"]
    if states.get("completed") != count:
        raise RuntimeError(f"{count} jobs were submitted, and these came of it: {states}")
    return count / taken


def figures(count: int = JOBS, repeats: int = REPEATS) -> list[Figure]:
    """Measure both in turns."""
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(repeats):
        for measure, rates in ((bare_loop, bare), (end_to_end, ours)):
            gc.collect()
            rates.append(asyncio.run(measure(count)))
    return [
        Figure(
            what="Python: submit → async no-op handler → completed, in one process, memory store",
            value=median(ours),
            unit="jobs/s",
            repeats=ours,
            target=0.3,
            peer="one asyncio task for each call",
            peer_value=median(bare),
            peer_repeats=bare,
        )
    ]
