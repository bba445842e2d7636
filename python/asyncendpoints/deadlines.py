"""One timer for the deadlines of all runs of a worker."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asyncendpoints.clock import Clock, Timer
    from asyncendpoints.execution import Run

FINEST: Final = 0.005
"""Seconds between two looks at the runs, at least."""


ROUNDING: Final = 1e-6
"""Sums of seconds as floats may differ by this much from the clock's milliseconds."""


class Deadlines:
    """Looks after the runs whose `next_check` has come.

    There is no queue of deadlines: most runs end long before theirs, so an entry for each would be made in vain. The
    timer stands at the earliest known deadline; when it fires, the runs in flight are looked at and it is set again.

    Args:
        clock: Where the time and the timer come from.
        runs: The runs in flight.
        on_due: Called with a run whose time has come and the present; it moves the run's `next_check`.
    """

    def __init__(self, clock: Clock, runs: Mapping[tuple[str, int], Run], on_due: Callable[[Run, float], None]) -> None:
        self._clock = clock
        self._runs = runs
        self._on_due = on_due
        self._timer: Timer | None = None
        self._at = inf

    def watch(self, at: float) -> None:
        """See to it that the runs are looked at when the clock's monotonic time is `at`."""
        if at < self._at:
            self._set(at, self._clock.monotonic())

    def close(self) -> None:
        """Stop looking. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._at = inf

    def _set(self, at: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = self._clock.call_later(max(at - now, FINEST), self._look)

    def _look(self) -> None:
        self._timer = None
        self._at = inf
        now = self._clock.monotonic()
        nearest = inf
        for run in tuple(self._runs.values()):
            if run.next_check <= now + ROUNDING:
                self._on_due(run, now)
            nearest = min(nearest, run.next_check)
        if nearest < inf:
            self._set(nearest, now)
