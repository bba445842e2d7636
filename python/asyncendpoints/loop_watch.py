"""How late the event loop comes to its timers: what a handler that blocks it does to all others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints._core import Histogram

IDLE: Final = 1.0
"""Seconds between two looks where nothing runs."""
BUSY: Final = 0.1
"""Seconds between two looks while jobs run."""


class LoopWatch:
    """Looks how late it is woken, by the machine's clock whatever the engine's: a stall is real.

    Args:
        stalls: Where to count how late it was.
        is_busy: Whether jobs run.
    """

    def __init__(self, stalls: Histogram, is_busy: Callable[[], bool]) -> None:
        self._stalls = stalls
        self._is_busy = is_busy
        self._longest = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._look_later(time.monotonic())

    @property
    def silent_for(self) -> float:
        """For how many seconds the loop has owed a sign of life; from any thread."""
        return max(time.monotonic() - self._due, 0.0)

    def take_longest(self) -> float:
        """Return the longest stall since the last call, in seconds, the present one included."""
        longest = max(self._longest, self.silent_for)
        self._longest = 0.0
        return longest

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look_later(self, now: float) -> None:
        pause = BUSY if self._is_busy() else IDLE
        self._due = now + pause
        self._timer = self._loop.call_later(pause, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        late = max(now - self._due, 0.0)
        self._stalls.observe(late)
        self._longest = max(self._longest, late)
        self._look_later(now)
