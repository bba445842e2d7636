"""Waiting on behalf of a client, only as long as the client is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from asyncendpoints.http.capture import ClientGone

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.types import Receive

    from asyncendpoints.engine import Engine
    from asyncendpoints.job import Job

T = TypeVar("T")


async def while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; it is cancelled when the client disconnects, and nothing is left behind.

    Raises:
        ClientGone: The client disconnected first.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and watching.exception() is not None:
            # A middleware's `receive` may not be called again; then only the server can end the wait.
            await asyncio.wait((working,))
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def wait_for_end(engine: Engine, job: Job, seconds: float) -> Job:
    """Return the job when it is done, when `seconds` have passed, or when the engine drains."""
    deadline = engine.clock.monotonic() + seconds
    while not job.done and not engine.draining:
        left = deadline - engine.clock.monotonic()
        if left <= 0:
            break
        job = await engine.wait(job.job_id, version=job.version, timeout=left)
    return job


async def _gone(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
