"""Waits for changes of jobs, which a drain lets go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job


class HeldWaits:
    """The waits of a process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Job | None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def let_go(self) -> None:
        """End them all with what they know."""
        for task in tuple(self._tasks):
            task.cancel()

    async def hold(
        self, wait: Coroutine[Any, Any, Job | None], *, seconds: float, clock: Clock
    ) -> tuple[Job | None, bool]:
        """Wait for at most so many seconds of the clock.

        Args:
            wait: A wait of the store's, which counts the machine's seconds; a virtual clock's pass when the test says
                so.
            seconds: How long.
            clock: Whose seconds they are.

        Returns:
            What the wait returned, and whether it came to its end.
        """
        waiting = asyncio.get_running_loop().create_task(wait)
        self._tasks.add(waiting)

        def give_up() -> None:
            waiting.cancel()

        timer = clock.call_later(seconds, give_up)
        try:
            await asyncio.wait({waiting})
        finally:
            timer.cancel()
            self._tasks.discard(waiting)
            waiting.cancel()
        return (None, False) if waiting.cancelled() else (waiting.result(), True)
