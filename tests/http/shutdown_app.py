"""What `test_shutdown.py` serves in a process of its own: handlers that end at a drain, late, or never."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

jobs = AsyncEndpoints("memory://", shutdown_grace=30.0)


def say(line: str) -> None:
    """Tell the test, which reads what the process prints."""
    print(line, flush=True)  # noqa: T201 (it is what the test reads)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Say when start-up and shutdown code run."""
    say("app starts")
    yield
    say("app ends")


async def until_drain(job: JobContext[None]) -> str:
    """End by itself once the drain has begun."""
    say("handler runs")
    while not jobs.engine.draining:
        await asyncio.sleep(0.001)
    say("handler ends")
    return "done"


async def for_ever(job: JobContext[None]) -> None:
    """Never end by itself."""
    say("handler runs")
    try:
        await asyncio.Event().wait()
    finally:
        say("handler is released")


app = Starlette(routes=[jobs.route("/until-drain", until_drain), jobs.route("/for-ever", for_ever)], lifespan=lifespan)
jobs.install(app, health=True)
