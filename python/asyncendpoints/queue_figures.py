"""The store's figures of its queues for scrapes: read when somebody scrapes, and not more often than makes sense."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.observability.logging import log_safely

if TYPE_CHECKING:
    from asyncendpoints.clock import Clock
    from asyncendpoints.stores.base import Store, StoreStats

FRESH: Final = 3.0
"""Seconds for which figures serve every scrape."""
KEPT: Final = 90.0
"""Seconds after which figures are too old to be told, where a scraper cannot wait for new ones."""
PATIENCE: Final = 2.0
"""Seconds that the store gets to answer; then the scrape goes without."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueReading:
    """What the store said at one moment."""

    stats: StoreStats
    now: int
    """When (UTC milliseconds)."""
    read_at: float
    """The same on the machine's monotonic clock, in seconds."""


class QueueFigures:
    """Reads them on the event loop that makes it.

    Args:
        store: Whose.
        clock: Gives the store its `now`.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._reading: QueueReading | None = None
        self._asked_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def latest(self) -> QueueReading | None:
        """The last figures, from any thread; asks for newer ones. None where there are none, or they are too old."""
        if self._is_due():
            with suppress(RuntimeError):  # the loop is closed: nobody is left to ask
                self._loop.call_soon_threadsafe(self._begin)
        reading = self._reading
        return None if reading is None or time.monotonic() - reading.read_at > KEPT else reading

    async def refresh(self) -> None:
        """Return once there are fresh figures, or it is certain that the store does not give any; on the loop."""
        if self._is_due():
            self._begin()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Let go of a reading that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _is_due(self) -> bool:
        return time.monotonic() - self._asked_at >= FRESH

    def _begin(self) -> None:
        if self._task is None:
            self._asked_at = time.monotonic()
            self._task = self._loop.create_task(self._read())

    async def _read(self) -> None:
        try:
            now = self._clock.store_now()
            async with asyncio.timeout(PATIENCE):
                stats = await self._store.stats(now=now)
            self._reading = QueueReading(stats, time.time_ns() // 1_000_000 if now is None else now, time.monotonic())
        except (StoreUnavailable, TimeoutError) as error:
            # Figures of before would look like those of now.
            self._reading = None
            log_safely(_log, logging.DEBUG, "the store gave no figures of its queues: %r", error)
        except Exception:  # a store's defect must not take the other figures with it
            self._reading = None
            log_safely(_log, logging.ERROR, "the figures of the queues could not be read", exc_info=True)
        finally:
            self._task = None
