"""The runs of one worker whose leases are to be renewed, and until when (LSE-4).

Who renews is the store's matter. What ends a renewal is a run past its timeout, or a table whose event loop has not
beaten for `max_stall` while somebody else of the process still looks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


Moment: TypeAlias = tuple[int, bool]
"""A point on the store's time line, in milliseconds, and whether a caller's `now` named it.

Where none did, it is the machine's monotonic clock. A plain tuple, because every claimed job makes one.
"""


def moment_of(now: int | None) -> Moment:
    """Return the moment that an operation's `now` names, or the present where it names none."""
    return (time.monotonic_ns() // 1_000_000, False) if now is None else (now, True)


def between(earlier: Moment, later: Moment) -> int:
    """Return the milliseconds from one moment to another; none pass between two time lines."""
    return later[0] - earlier[0] if later[1] is earlier[1] else 0


class LeaseTable:
    """The runs of one worker that its store is to keep alive.

    Args:
        lease_ms: How far each renewal reaches.
        max_stall_ms: How long the keeper may be silent before nothing of it is renewed any more.
        present: What the store holds for the present moment.
        on_close: Called once, when the keeper is closed.
    """

    def __init__(
        self,
        *,
        lease_ms: int,
        max_stall_ms: int,
        present: Callable[[], Moment],
        on_close: Callable[[LeaseTable], None],
    ) -> None:
        self.lease_ms = lease_ms
        self._max_stall_ms = max_stall_ms
        self._present = present
        self._on_close = on_close
        self._held: dict[tuple[str, int], tuple[Moment, int]] = {}
        self._beaten = present()

    def hold(self, runs: Iterable[tuple[str, int, int]]) -> None:
        """Keep the leases of runs `(job_id, fence, timeout_ms)` alive until dropped or past the timeout."""
        # Only a living loop takes up a run, so this is a beat as well.
        self._beaten = moment = self._present()
        held = self._held
        for job_id, fence, timeout_ms in runs:
            held[job_id, fence] = (moment, timeout_ms)

    def drop(self, leases: Iterable[tuple[str, int]]) -> None:
        """Stop renewing runs `(job_id, fence)`; harmless where one is not held."""
        for lease in leases:
            self._held.pop(lease, None)

    def beat(self, *, now: int | None = None) -> None:
        """Say that the loop is alive, at `now` (UTC milliseconds) where a virtual clock rules."""
        self._beaten = self._present() if now is None else moment_of(now)

    async def close(self) -> None:
        """Stop renewing everything. Idempotent."""
        self.forget()
        self._on_close(self)

    def forget(self) -> None:
        """Hold nothing any more."""
        self._held.clear()

    def renewable(self, present: Moment) -> Iterator[tuple[str, int]]:
        """Yield the leases `(job_id, fence)` that LSE-4 lets live at the present moment."""
        if between(self._beaten, present) > self._max_stall_ms:
            return
        # A copy, because the worker's own thread may hold and drop meanwhile.
        for lease, (held_at, timeout_ms) in self._held.copy().items():
            if between(held_at, present) <= timeout_ms:
                yield lease
