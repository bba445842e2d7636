"""The lease keeper of the Redis store: a table that the I/O thread renews from, whatever the event loop does.

A blocked loop or a held GIL stops neither (LSE-3a, LSE-3b); what ends a renewal is LSE-4. Where a virtual clock
rules, the sweep renews instead, because the thread lives by the machine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asyncendpoints._core import RedisKeeper


class RedisLeaseKeeper:
    """The runs of one worker that the I/O thread keeps alive.

    Args:
        native: The table.
        on_close: Called once, when the keeper is closed.
    """

    def __init__(self, native: RedisKeeper, on_close: Callable[[RedisLeaseKeeper], None]) -> None:
        self.native = native
        self._on_close = on_close

    def hold(self, runs: Iterable[tuple[str, int, int]]) -> None:
        """Keep the leases of runs `(job_id, fence, timeout_ms)` alive until dropped or past the timeout."""
        self.native.hold(runs)

    def drop(self, leases: Iterable[tuple[str, int]]) -> None:
        """Stop renewing runs `(job_id, fence)`; harmless where one is not held."""
        self.native.drop(leases)

    def beat(self, *, now: int | None = None) -> None:
        """Say that the loop is alive, at `now` (UTC milliseconds) where a virtual clock rules."""
        self.native.beat(now)

    async def close(self) -> None:
        """Stop renewing everything. Idempotent."""
        self.native.drop_all()
        self._on_close(self)
