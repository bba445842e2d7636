"""Waiting on behalf of a client, only as long as the client is there."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from asyncendpoints.http.capture import ClientGone
from asyncendpoints.http.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.background import BackgroundTask
    from starlette.types import Receive, Scope, Send

    from asyncendpoints.engine import Engine
    from asyncendpoints.job import Job

T = TypeVar("T")


class Unheard(Reply):
    """An answer that is true, though its client seems to have gone: some middleware only says so.

    What was to be done after the answer is done in either case.

    Args:
        answer: What a client that is there should hear.
    """

    def __init__(self, answer: Reply) -> None:
        self.status_code = answer.status_code
        self.body = answer.body
        self.raw_headers = answer.raw_headers
        self.background = answer.background

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as what stands between expects an answer, and then run the background task."""
        background: BackgroundTask | None = self.background
        self.background = None
        # ASGI servers may say by OSError that the client is gone.
        with contextlib.suppress(OSError):
            await super().__call__(scope, receive, send)
        if background is not None:
            await background()


async def while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; it is cancelled when the client disconnects, and nothing is left behind.

    Raises:
        ClientGone: The client disconnected first.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and (watching.exception() is not None or not watching.result()):
            # A middleware's `receive` may not be called again, or cannot tell; then only the server can end the wait.
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


async def _gone(receive: Receive) -> bool:
    """Return True when the client disconnects, and False when it turns out that this `receive` cannot tell.

    A middleware that has read the body may say it again and again, at once, and would say nothing else for ever.
    """
    ended = False
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return True
        if not message.get("more_body", False):
            if ended:
                return False
            # It may be the first time: nobody has read the (empty) body of a GET.
            ended = True
