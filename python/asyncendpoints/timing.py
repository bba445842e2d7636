"""Waiting by the engine's clock, so that a virtual clock rules the worker and the sweep like everything else."""

from __future__ import annotations

import asyncio
from random import uniform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncendpoints.clock import Clock


async def wait_for_event(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait until the event is set, or `seconds` of the clock have passed; return whether it is set."""
    if event.is_set():
        return True
    passed = asyncio.Event()
    timer = clock.call_later(seconds, passed.set)
    waiting = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(passed.wait())}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        for task in waiting:
            task.cancel()
    return event.is_set()


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    # Not awaited itself: its cancellation must not be mistaken for the caller's, nor the other way round.
    await asyncio.wait({task})


class Backoff:
    """Growing pauses with jitter between calls to a store that does not answer."""

    __slots__ = ("_first", "_longest", "_next")

    def __init__(self, first: float = 0.1, longest: float = 10.0) -> None:
        self._first = self._next = first
        self._longest = longest

    def reset(self) -> None:
        """Begin again with the shortest pause: the store has answered."""
        self._next = self._first

    def pause(self) -> float:
        """Return how many seconds to wait now."""
        seconds = self._next
        self._next = min(2 * seconds, self._longest)
        return seconds * uniform(0.5, 1.0)  # noqa: S311 (jitter)
