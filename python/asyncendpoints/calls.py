"""The call of a plain function: from the wait for a thread to its value or error, on the event loop again."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.execution import Run


async def call_in_thread(run: Run, function: Callable[[], Any]) -> Any:
    """Call a run's plain function as soon as a thread is free, and return its value.

    The timeout counts from its beginning. The run's ticket says whether it has begun; it never does once this
    coroutine has ended.

    Args:
        run: Whose handler it is.
        function: Takes nothing.

    Raises:
        BaseException: What the function raises.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    # Taken out again when it is raised: its traceback knows these frames, and they must not know it.
    errors: list[BaseException] = []
    context = copy_context()
    monotonic = run.services.clock.monotonic
    # What the thread may ask for belongs to the event loop, and is made here.
    _ = run.progress, run.effects
    run.ticket = ticket = Lock()

    def tell(value: Any) -> None:
        if not ended.done():
            ended.set_result(value)

    def call() -> None:
        # Before it begins: whoever sees that it has is to see its deadline too.
        run.deadline = monotonic() + run.claim.timeout_ms / 1000
        if not ticket.acquire(blocking=False):
            return
        value: Any = None
        try:
            value = context.run(function)
        except BaseException as error:  # the thread serves others; the error goes to whoever awaits
            errors.append(error)
        try:
            loop.call_soon_threadsafe(tell, value)
        except RuntimeError:
            # The loop is closed: its process is ending, and nobody waits for this result.
            return

    try:
        run.services.threads.call(call)
        value = await ended
    finally:
        run.ticket = None
        if not ended.done() or ended.cancelled():
            ticket.acquire(blocking=False)
            run.services.threads.discard(call)
    if not errors:
        return value
    error = errors.pop()
    try:
        raise error
    finally:
        del error


def refuse_on_loop(loop: asyncio.AbstractEventLoop, instead: str) -> None:
    """Refuse a blocking twin where it would block the event loop that it waits for.

    Args:
        loop: What it waits for.
        instead: What to await there.

    Raises:
        RuntimeError: The calling thread runs the loop.
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return
    if running is loop:
        raise RuntimeError(f"job.from_thread is for handlers that are plain functions; here, await {instead}")
