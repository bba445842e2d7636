"""What metrics cost: no-op jobs from submit to completed with and without them, on the memory store and on Redis.

With: everything is counted, the store is timed, and a page is scraped each second. Without: nothing is counted at all,
which no user can have. Both in turns in one process, by its processor time, which other programs on the machine do
not change: `python -m benches metrics`. The line that the log has for each job that ends is measured apart.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from contextlib import nullcontext
from statistics import median
from typing import TYPE_CHECKING, Any, Final, cast

from asyncendpoints import AsyncEndpoints
from asyncendpoints.observability.metrics import MetricsCollector, render
from benches.results import Figure
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints._core import Meters

JOBS: Final = 20_000
REPEATS: Final = 11
IN_FLIGHT: Final = 100
SCRAPE_EVERY: Final = 1.0

_log: Final = logging.getLogger("asyncendpoints")


class Uncounted:
    """Counters that count nothing."""

    changes = leases_lost = 0

    def know(self, handlers: object) -> None:
        """Do nothing."""

    def submitted(self, jobs: object, answers: object) -> None:
        """Do nothing."""

    def started(self, claims: object) -> None:
        """Do nothing."""

    def ended(self, ends: object, states: object) -> None:
        """Do nothing."""

    def tallies(self) -> list[Any]:
        """Return nothing."""
        return []


async def _scrape(jobs: AsyncEndpoints) -> None:
    collector = MetricsCollector(jobs.engine.measures)
    figures = jobs.engine.measures.figures
    assert figures is not None
    while True:
        await figures.refresh()
        render(collector, "")
        await asyncio.sleep(SCRAPE_EVERY)


async def rate(url: str, count: int, *, measured: bool) -> float:
    """Return how many jobs a second of processor time go from `submit` to `completed`."""
    jobs = AsyncEndpoints(url, concurrency=IN_FLIGHT, namespace=f"bench-{time.time_ns()}")
    if not measured:
        jobs.engine.meters = cast("Meters", Uncounted())
    ended = asyncio.Event()
    calls = 0

    @jobs.handler("call")
    async def call() -> None:
        nonlocal calls
        calls += 1
        if calls == count:
            ended.set()

    if measured:
        jobs.engine.measures.measure_store()
    async with jobs:
        scraping = asyncio.create_task(_scrape(jobs)) if measured else None
        begun = time.process_time()
        for _ in range(count // IN_FLIGHT):
            await asyncio.gather(*[jobs.submit("call") for _ in range(IN_FLIGHT)])
        await ended.wait()
        async with asyncio.timeout(60):
            while (await jobs.engine.store.stats()).counts["default"].get("completed") != count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        taken = time.process_time() - begun
        if scraping is not None:
            scraping.cancel()
            await asyncio.wait({scraping})
    return count / taken


def in_turns(
    ways: tuple[Callable[[], float], Callable[[], float]], repeats: int = REPEATS
) -> tuple[list[float], list[float]]:
    """Measure two ways in turns, after one round that does not count."""
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for way, rates in zip(ways, found, strict=True):
            gc.collect()
            measured = way()
            if turn:
                rates.append(measured)
    return found


def with_log(url: str, count: int) -> float:
    """Return the rate where each job that ends is a line, written to where nobody reads it."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 (a handler wants the file)
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(job_id)s %(message)s"))
        before = _log.level, _log.propagate
        _log.addHandler(handler)
        _log.setLevel(logging.INFO)
        _log.propagate = False
        try:
            return asyncio.run(rate(url, count, measured=True))
        finally:
            _log.removeHandler(handler)
            _log.setLevel(before[0])
            _log.propagate = before[1]


def figures(count: int = JOBS, repeats: int = REPEATS) -> list[Figure]:
    """Measure both stores with and without, and the memory store with and without the log."""
    found: list[Figure] = []
    for store, server in (("the memory store", nullcontext()), ("Redis", RedisServer())):
        with server as redis:
            url = "memory://" if redis is None else redis.url()
            ways = (
                lambda url=url: asyncio.run(rate(url, count, measured=True)),
                lambda url=url: asyncio.run(rate(url, count, measured=False)),
            )
            on, off = in_turns(ways, repeats)
        found.append(
            Figure(
                what=f"Metrics on: submit → no-op handler → completed, on {store}, for each second of processor time",
                value=median(on),
                unit="jobs/s",
                repeats=on,
                target=0.95,
                peer="nothing counted",
                peer_value=median(off),
                peer_repeats=off,
            )
        )
    lines, silent = in_turns(
        (
            lambda: with_log("memory://", count),
            lambda: asyncio.run(rate("memory://", count, measured=True)),
        ),
        repeats,
    )
    found.append(
        Figure(
            what="The line in the log for each job that ends, on the memory store",
            value=median(lines),
            unit="jobs/s",
            repeats=lines,
            peer="without it",
            peer_value=median(silent),
            peer_repeats=silent,
        )
    )
    return found
