"""What the dashboard costs: a page at the server among a million jobs on each store, and ten browsers that look on.

`DASHBOARD_JOBS` and `DASHBOARD_STORES` (of memory, sqlite, redis, postgresql) choose less than all.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from contextlib import AsyncExitStack, ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import httpx
import uvicorn

from asyncendpoints.observability.reports import REPORT_EVERY
from benches.python.idle import processor_ms
from benches.results import Figure
from tests.support.dashboard.world import fill, tell_of_a_day, world
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Generator

JOBS: Final = int(os.environ.get("DASHBOARD_JOBS", "1000000"))
STORES: Final = os.environ.get("DASHBOARD_STORES", "memory,sqlite,redis,postgresql").split(",")
PAGES: Final = {
    "the overview": "",
    "the job list": "jobs",
    "the failed jobs as a list": "jobs?state=failed",
}
REPEATS: Final = 15
BROWSERS: Final = 10
SECONDS: Final = 20.0
LIMIT_MS: Final = 100.0
SHARE: Final = 2.0


@contextmanager
def _url(store: str) -> Generator[str]:
    with ExitStack() as stack:
        if store == "memory":
            yield "memory://"
        elif store == "sqlite":
            yield f"sqlite:///{stack.enter_context(TemporaryDirectory())}/jobs.db"
        elif store == "redis":
            from tests.support.redis_server import RedisServer

            yield stack.enter_context(RedisServer()).url()
        elif store == "postgresql":
            from tests.support.postgres_server import PostgresServer, own_database

            yield stack.enter_context(own_database(stack.enter_context(PostgresServer()).url))
        else:
            raise SystemExit(f"there is no store named {store}")


async def _pages(url: str) -> dict[str, list[float]]:
    """Return how long each page took at the server, in milliseconds: the first time is not counted."""
    app, jobs = world(store=url)
    taken: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(jobs)
        await fill(jobs.engine.store, JOBS)
        await tell_of_a_day(jobs.engine.store)
        transport = httpx.ASGITransport(app=app)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://localhost/ops/"))
        for name, way in PAGES.items():
            times: list[float] = []
            for _ in range(REPEATS + 1):
                begun = time.perf_counter()
                answer = await http.get(way)
                times.append(1000 * (time.perf_counter() - begun))
                if answer.status_code != 200:
                    raise SystemExit(f"{name}: {answer.status_code} {answer.text[:500]}")
            taken[name] = times[1:]
    return taken


async def _look(url: str, way: str, until: asyncio.Event) -> int:
    """Look at a page as a browser does, and return how often it was told something."""
    told = 0
    async with (
        httpx.AsyncClient(base_url=f"{url}/ops/", timeout=60) as http,
        http.stream("GET", way, headers={"Accept": "text/event-stream"}) as answer,
    ):
        async for line in answer.aiter_lines():
            told += line == "event: live"
            if until.is_set():
                break
    return told


async def _watched(server: Server) -> tuple[float, int]:
    """Return what part of a core the server uses while ten browsers look on, in percent, and what they were told."""
    until = asyncio.Event()
    ways = ["", "", "", "jobs", "jobs", "jobs?state=failed", "queues", "queues", "workers", "endpoints"]
    looking = [asyncio.create_task(_look(server.url, way, until)) for way in ways[:BROWSERS]]
    await asyncio.sleep(5)
    before = processor_ms(server.process.pid)
    await asyncio.sleep(SECONDS)
    used = (processor_ms(server.process.pid) - before) / SECONDS / 10
    until.set()
    return used, sum(await asyncio.gather(*looking))


def figures() -> list[Figure]:
    """Measure pages on each store, and what ten browsers cost."""
    found: list[Figure] = []
    for store in STORES:
        with _url(store) as url:
            for name, times in asyncio.run(_pages(url)).items():
                found.append(
                    Figure(
                        what=f"Dashboard: {name} with {JOBS:,} jobs, {store}",
                        value=statistics.median(times),
                        unit="ms",
                        repeats=times,
                        target=LIMIT_MS,
                        at_most=True,
                    )
                )
    command = [sys.executable, "-m", "benches.python.dashboard"]
    with Server(command) as server:
        used, told = asyncio.run(_watched(server))
    if told < BROWSERS:
        raise SystemExit(f"the browsers were told {told} times: they did not look")
    found.append(
        Figure(what="Dashboard: ten browsers that look on, of a core", value=used, unit="%", target=SHARE, at_most=True)
    )
    return found


async def _serve() -> None:
    """Serve a dashboard whose store is told of processes again and again, as in life."""
    app, jobs = world()
    await jobs.engine.store.open()
    await fill(jobs.engine.store, 10_000)
    await tell_of_a_day(jobs.engine.store)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="info"))

    async def tell() -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY)
            await tell_of_a_day(jobs.engine.store, days=False)

    telling: asyncio.Task[Any] = asyncio.create_task(tell())
    await server.serve()
    telling.cancel()


if __name__ == "__main__":
    asyncio.run(_serve())
