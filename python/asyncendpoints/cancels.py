"""Hearing of cancels where a store may lose notifications: the worker asks, so that CAN-2 holds all the same."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.timing import end_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asyncendpoints.clock import Clock, Timer
    from asyncendpoints.execution import Run
    from asyncendpoints.stores.base import Store

EVERY: Final = 0.7
"""Seconds between two questions: a handler is told within one second, the store's answer included."""

_log = logging.getLogger(__name__)


class CancelWatch:
    """Asks the store, while runs are in flight, whether the cancellation of one of them was requested.

    Args:
        store: Who is asked: the answer to a renewal tells it.
        clock: Times the questions.
        lease_ms: What each renewal prolongs the lease to.
        runs: The runs in flight.
        on_cancel: Told the job and fence of each run whose cancellation was requested; may be told again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease_ms: int,
        runs: Mapping[tuple[str, int], Run],
        on_cancel: Callable[[str, int], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_ms = lease_ms
        self._runs = runs
        self._on_cancel = on_cancel
        self._loop = asyncio.get_running_loop()
        self._timer: Timer | None = None
        self._asking: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Begin to ask, unless it has begun: there are runs in flight."""
        if self._timer is None and self._asking is None:
            self._timer = self._clock.call_later(EVERY, self._due)

    async def close(self) -> None:
        """Ask no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asking is not None:
            await end_task(self._asking)

    def _due(self) -> None:
        self._timer = None
        self._asking = self._loop.create_task(self._ask(), context=Context())

    async def _ask(self) -> None:
        # What is past its timeout has been settled, and is not to be renewed (LSE-4).
        leases = [key for key, run in self._runs.items() if not run.settled]
        try:
            answers = await self._store.renew(leases, lease_ms=self._lease_ms, now=self._clock.store_now())
            for lease, answer in zip(leases, answers, strict=True):
                if answer == "cancel_requested":
                    self._on_cancel(*lease)
        except StoreUnavailable as error:
            _log.debug("the store was not asked for cancels and will be again: %s", error)
        finally:
            self._asking = None
        if self._runs:
            self.watch()
