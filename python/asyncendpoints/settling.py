"""Settlements on their way to the store: joined for each turn of the loop, repeated until the store answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.timing import Backoff, end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Settlement
    from asyncendpoints.clock import Clock
    from asyncendpoints.execution import Run
    from asyncendpoints.failures import Outcome
    from asyncendpoints.stores.base import Store

_log = logging.getLogger(__name__)


class Settler:
    """Writes the ends of runs.

    Args:
        store: Where they are written.
        clock: Gives the store its `now`, and times the repetitions.
        on_settled: Told what became of each run: the state that its job went to, or `stale`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        on_settled: Callable[[Sequence[tuple[Run, Outcome]], Sequence[str]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_settled = on_settled
        self._runs: list[tuple[Run, Outcome]] = []
        self._settlements: list[Settlement] = []
        self._in_flight = 0
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task = asyncio.get_running_loop().create_task(self._write_all())

    @property
    def waiting(self) -> int:
        """How many settlements the store has not answered yet."""
        return len(self._settlements) + self._in_flight

    def add(self, run: Run, outcome: Outcome, settlement: Settlement) -> None:
        """Hand over the end of a run; it is written in the next turn of the loop, with all others of this one."""
        if not self._settlements:
            self._work.set()
            self._empty.clear()
        self._runs.append((run, outcome))
        self._settlements.append(settlement)

    async def close(self, patience: float) -> None:
        """Write what is left, for at most `patience` seconds, and end. What stays unwritten will be rescued."""
        if not await wait_for_event(self._empty, patience, self._clock):
            _log.error(
                "the store did not accept the ends of %d runs before the shutdown; "
                "their leases will expire, and the runs be repeated",
                self.waiting,
            )
        await end_task(self._task)

    async def _write_all(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            runs, self._runs = self._runs, []
            settlements, self._settlements = self._settlements, []
            self._in_flight = len(settlements)
            states = await self._write(settlements)
            self._in_flight = 0
            self._on_settled(runs, states)
            if not self._settlements:
                self._empty.set()

    async def _write(self, settlements: Sequence[Settlement]) -> Sequence[str]:
        backoff = Backoff()
        while True:
            try:
                return await self._store.settle(settlements, now=self._clock.store_now())
            except StoreUnavailable as error:
                pause = backoff.pause()
                _log.warning(
                    "the store did not accept the ends of %d runs, trying again in %.1f s: %s",
                    len(settlements),
                    pause,
                    error,
                )
            except Exception:  # a store's defect must not end the worker: the runs stay safe in the store
                pause = backoff.pause()
                _log.exception("settling %d runs failed, trying again in %.1f s", len(settlements), pause)
            await wait_for_event(self._closing, pause, self._clock)
