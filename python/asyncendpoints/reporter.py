"""The reporter: tells the store every few seconds what this process is, and what it has counted.

The dashboard and the command line read what all processes have told. What is told again takes the place of what was
told before, so that a lost answer counts nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextvars import Context
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.observability.logging import log_safely
from asyncendpoints.observability.reports import REPORT_EVERY, encode_card, encode_counts
from asyncendpoints.stores.base import SLOT_MS, Report
from asyncendpoints.timing import end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.clock import Clock
    from asyncendpoints.observability.reports import Card
    from asyncendpoints.slot_counts import SlotCounter
    from asyncendpoints.stores.base import Store

AGES_EVERY: Final = 60.0
"""Seconds between two looks of one process at how long the oldest jobs have waited: a hundred processes, which know
nothing of each other, ask the store less than twice a second."""
PATIENCE: Final = 1.0
"""Seconds that the last report may take when the process ends."""

_log = logging.getLogger(__name__)


class Reporter:
    """Reports as long as the engine is started.

    Args:
        store: Who is told.
        clock: Where time comes from.
        counter: What the process has counted and not yet told.
        process: The process's name.
        describe: Returns what it is and does.
    """

    def __init__(
        self, store: Store, clock: Clock, counter: SlotCounter, *, process: str, describe: Callable[[], Card]
    ) -> None:
        self.process = process
        self._store = store
        self._clock = clock
        self._describe = describe
        self._counter = counter
        # The store's time at a moment of this process's clock, as far as it is known.
        self._store_ms = time.time_ns() // 1_000_000
        self._known_at = clock.monotonic()
        self._slot: int | None = None
        self._is_there = False
        self._fails = False
        self._ages_at = self._known_at + random.uniform(0, AGES_EVERY)  # noqa: S311 (so that not all ask at once)
        self._ending = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._report_for_ever(), context=Context())

    @property
    def store_ms(self) -> int:
        """The store's time (UTC milliseconds), as its last answer and this process's clock have it."""
        now = self._clock.store_now()
        if now is not None:
            return now
        return self._store_ms + int((self._clock.monotonic() - self._known_at) * 1000)

    async def close(self) -> None:
        """Tell what was counted since the last report, and that the process has gone. Idempotent."""
        if self._ending.is_set():
            return
        self._ending.set()
        await end_task(self._task)
        if not self._is_there and not self._counter.changed:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._report(None)
            # Who starts again in this process bears another name.
            self._counter.begin_slot()
        except (StoreUnavailable, TimeoutError) as error:
            log_safely(_log, logging.INFO, "the store was not told that this process ends: %r", error)
        except Exception:  # a store's defect must not keep the process from ending
            log_safely(_log, logging.ERROR, "the store was not told that this process ends", exc_info=True)

    async def report(self) -> None:
        """Report once.

        Raises:
            StoreUnavailable: The store does not answer; the next report says the same, and more.
        """
        if self._clock.monotonic() >= self._ages_at:
            self._ages_at = self._clock.monotonic() + AGES_EVERY
            await self._look_at_ages()
        await self._report(encode_card(self._describe()))
        self._is_there = True

    async def _report_for_ever(self) -> None:
        while True:
            try:
                await self.report()
            except StoreUnavailable as error:
                self._complain("the store was not told what this process does, which is tried again: %s", error)
            except Exception as error:  # a store's defect must not end the reports for good
                self._complain("a report of this process failed, and is tried again: %r", error)
            else:
                if self._fails:
                    _log.info("the store is told again what this process does")
                self._fails = False
            pause = REPORT_EVERY * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)
            if await wait_for_event(self._ending, pause, self._clock):
                return

    def _complain(self, message: str, error: Exception) -> None:
        """Log the first failure of a row: the claims and the sweep say as well that the store does not answer."""
        level = logging.DEBUG if self._fails else logging.WARNING
        self._fails = True
        log_safely(_log, level, message, error)

    async def _report(self, card: bytes | None) -> None:
        counter = self._counter
        slot = self.store_ms // SLOT_MS
        if self._slot is None:
            self._slot = slot
        history: bytes | None = None
        if counter.changed:
            counts = counter.read()
            history = encode_counts(counts) if counts.endpoints or counts.oldest_ms else None
        report = Report(process=self.process, card=card, slot=self._slot, history=history)
        self._store_ms = await self._store.report(report, now=self._clock.store_now())
        self._known_at = self._clock.monotonic()
        counter.was_told()
        if slot != self._slot:
            # What was counted up to now is told of the slot that has ended; its last seconds may be of the new one.
            counter.begin_slot()
            self._slot = slot

    async def _look_at_ages(self) -> None:
        stats = await self._store.stats(now=self._clock.store_now())
        now = self.store_ms
        for queue, ready_at in stats.oldest_ready_at.items():
            self._counter.see_oldest(queue, max(now - ready_at, 0))
