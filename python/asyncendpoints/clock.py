"""Where time comes from: the store's own clock, or a clock that a test moves by hand (CLK-1)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Make it never come; harmless once it has."""
        ...


class Clock(Protocol):
    """Time as the engine sees it: every timer of engine, worker and maintenance is asked of its clock."""

    def store_now(self) -> int | None:
        """Return the `now` to pass to the store in UTC milliseconds, or None to let the store use its own clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for deadlines within this process."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back on the running event loop after `delay` seconds of this clock."""
        ...


class SystemClock:
    """The clock of production: the store's own for what is stored, the machine's for what is measured."""

    def store_now(self) -> int | None:
        """Return None: stores use their own clock."""
        return None

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Ask the running event loop."""
        return asyncio.get_running_loop().call_later(delay, callback)
