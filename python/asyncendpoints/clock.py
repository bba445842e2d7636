"""Where time comes from: the store's own clock, or a clock that a test moves by hand (CLK-1)."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Time as the engine sees it."""

    def store_now(self) -> int | None:
        """Return the `now` to pass to the store in UTC milliseconds, or None to let the store use its own clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, for deadlines within this process."""
        ...


class SystemClock:
    """The clock of production: the store's own for what is stored, the machine's for what is measured."""

    def store_now(self) -> int | None:
        """Return None: stores use their own clock."""
        return None

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()
