"""A clock that a test moves by hand, for the engine and for every store alike (CLK-1)."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = 1_767_225_600_000
"""Where virtual time begins unless told otherwise: 2026-01-01T00:00:00Z, in milliseconds."""


class VirtualTimer:
    """A call that the virtual clock makes when it is moved to `at`."""

    __slots__ = ("at", "callback", "canceled", "loop")

    def __init__(self, at: int, callback: Callable[[], None]) -> None:
        self.at = at
        """In milliseconds of the clock."""
        self.callback = callback
        self.canceled = False
        self.loop = asyncio.get_running_loop()

    def cancel(self) -> None:
        """Make the call never come."""
        self.canceled = True

    def fire(self) -> None:
        """Make the call, unless it was canceled on its last steps."""
        if not self.canceled:
            self.callback()


class VirtualClock:
    """A `Clock` that stands still until it is moved, and then makes the calls that fall due, in order.

    Args:
        start: UTC milliseconds at which it stands at first.
    """

    def __init__(self, start: int = EPOCH) -> None:
        self._start = start
        self._now = start
        self._order = count()
        self._timers: list[tuple[int, int, VirtualTimer]] = []

    @property
    def now(self) -> int:
        """Where the clock stands, in UTC milliseconds."""
        return self._now

    def store_now(self) -> int:
        """Return where the clock stands, in UTC milliseconds: stores obey it instead of their own."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return (self._now - self._start) / 1000

    def call_later(self, delay: float, callback: Callable[[], None]) -> VirtualTimer:
        """Call back on the running event loop once the clock has been moved `delay` seconds on.

        Durations are rounded up to the millisecond, so that a call never comes early.
        """
        timer = VirtualTimer(max(self._now, self.after(delay)), callback)
        if timer.at == self._now:
            timer.loop.call_soon(timer.fire)
        else:
            heapq.heappush(self._timers, (timer.at, next(self._order), timer))
        return timer

    def after(self, seconds: float) -> int:
        """Return where the clock will stand after so many seconds, rounded up to the millisecond."""
        # Rounded to the microsecond first: 0.1 * 3 must be 300 ms, not 301.
        return self._now - (-round(seconds * 1_000_000) // 1000)

    @property
    def next_call(self) -> int | None:
        """When the earliest call is due, in UTC milliseconds; None where none is."""
        while self._timers and self._timers[0][2].canceled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def move_to(self, at: int) -> None:
        """Move on to `at` (UTC milliseconds) and make the calls that have fallen due, in order.

        Raises:
            ValueError: `at` lies in the past; this clock never goes back.
        """
        if at < self._now:
            raise ValueError(f"the virtual clock stands at {self._now} and never goes back to {at}")
        while (due := self.next_call) is not None and due <= at:
            _, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            timer.loop.call_soon(timer.fire)
        self._now = at

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds, rounded up to the millisecond."""
        self.move_to(self.after(seconds))
