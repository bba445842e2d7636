"""Settlements on their way to the store: joined for each turn of the loop, repeated until the store answers."""

from __future__ import annotations

import asyncio
import logging
import random
from contextvars import Context
from itertools import count
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import Settlement
from asyncendpoints.errors import StoreRefused, StoreUnavailable
from asyncendpoints.failures import UNSTORABLE
from asyncendpoints.observability.logging import log_safely
from asyncendpoints.timing import Backoff, end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints.clock import Clock
    from asyncendpoints.execution import Run
    from asyncendpoints.failures import Outcome
    from asyncendpoints.stores.base import Store

AT_ONCE: Final = 2
"""How many writes are under way: the ends of one claim's runs do not wait until those of another's are written."""
CLOSING_PAUSE: Final = 0.1
"""Seconds between two attempts while the worker ends, when there is no time for longer ones."""

_log = logging.getLogger(__name__)


class Settler:
    """Writes the ends of runs.

    Args:
        store: Where they are written.
        clock: Gives the store its `now`, and times the repetitions.
        on_settled: Told what became of each run: the state that its job went to, `stale`, or `unwritten`.
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
        self._ends: list[tuple[Run, Outcome]] = []
        self._in_flight = 0
        self._nonces = count(random.getrandbits(48))
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._write_all(), context=Context()) for _ in range(AT_ONCE)]

    @property
    def waiting(self) -> int:
        """How many settlements the store has not answered yet."""
        return len(self._ends) + self._in_flight

    def add(self, run: Run, outcome: Outcome) -> None:
        """Hand over the end of a run; it is written in the next turn of the loop, with all others of this one."""
        run.settled = True
        run.ended = self._clock.monotonic()
        if not self._ends:
            self._work.set()
            self._empty.clear()
        self._ends.append((run, outcome))

    async def close(self, patience: float) -> None:
        """Write what is left, for at most `patience` seconds, and end. What stays unwritten will be rescued."""
        self._closing.set()
        if not await wait_for_event(self._empty, patience, self._clock):
            _log.error(
                "the store did not accept the ends of %d runs before the shutdown; "
                "their leases will expire, and the runs be repeated",
                self.waiting,
            )
        for task in self._tasks:
            await end_task(task)

    async def _write_all(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            ends, self._ends = self._ends, []
            if not ends:
                # Taken by the other one that writes.
                continue
            taken = len(ends)
            self._in_flight += taken
            settlements = self._settlements(ends)
            states = await self._write(ends, settlements) if settlements else ()
            self._in_flight -= taken
            self._tell(ends, states)
            # The wait for the next ones must not keep these alive.
            del ends, states
            if not self.waiting:
                self._empty.set()

    def _settlements(self, ends: list[tuple[Run, Outcome]]) -> list[Settlement]:
        try:
            return [_settlement(end, nonce) for end, nonce in zip(ends, self._nonces)]  # noqa: B905 (endless)
        except Exception:  # which one it was is found out, and told, below
            return self._settlements_one_by_one(ends)

    def _settlements_one_by_one(self, ends: list[tuple[Run, Outcome]]) -> list[Settlement]:
        """Leave out, and take from `ends`, what cannot be written: its lease expires, and others must not wait."""
        settlements: list[Settlement] = []
        for end in tuple(ends):
            try:
                settlements.append(_settlement(end, next(self._nonces)))
            except Exception:
                ends.remove(end)
                message = "the end of a run of job %s cannot be written; its lease will expire, and the run be repeated"
                log_safely(_log, logging.ERROR, message, end[0].claim.job_id, exc_info=True)
                self._tell([end], ["unwritten"])
        return settlements

    def _tell(self, ends: Sequence[tuple[Run, Outcome]], states: Sequence[str]) -> None:
        try:
            self._on_settled(ends, states)
        except BaseException:  # what is told does not end the telling: other runs wait for theirs
            log_safely(_log, logging.ERROR, "%d settled runs could not be reported", len(ends), exc_info=True)

    async def _write(self, ends: list[tuple[Run, Outcome]], settlements: Sequence[Settlement]) -> Sequence[str]:
        try:
            return await self._repeat(settlements)
        except StoreRefused as error:
            if len(ends) > 1:
                return await self._write_each(ends, settlements)
            ((run, outcome),) = ends
            if outcome is UNSTORABLE:
                log_safely(_log, logging.ERROR, "the end of job %s cannot be stored: %s", run.claim.job_id, error)
                return ["unwritten"]
            message = "job %s fails, because the store cannot hold how it ended: %s"
            log_safely(_log, logging.ERROR, message, run.claim.job_id, error)
            ends[0] = (run, UNSTORABLE)
            return await self._write(ends, self._settlements(ends))

    async def _write_each(self, ends: list[tuple[Run, Outcome]], settlements: Sequence[Settlement]) -> Sequence[str]:
        """Write one after the other, because one of them keeps all from being written together."""
        states: list[str] = []
        for index, settlement in enumerate(settlements):
            alone = [ends[index]]
            states += await self._write(alone, [settlement])
            ends[index] = alone[0]
        return states

    async def _repeat(self, settlements: Sequence[Settlement]) -> Sequence[str]:
        backoff = Backoff()
        while True:
            try:
                states = await self._store.settle(settlements, now=self._clock.store_now())
                if len(states) != len(settlements):
                    raise ValueError(f"the store answered {len(settlements)} settlements with {len(states)} states")
                return states
            except StoreRefused:
                raise
            except StoreUnavailable as error:
                message = "the store did not accept the ends of %d runs: %s"
                log_safely(_log, logging.WARNING, message, len(settlements), error)
            except Exception:  # a store's defect must not end the worker: the runs stay safe in the store
                log_safely(_log, logging.ERROR, "settling %d runs failed", len(settlements), exc_info=True)
            if self._closing.is_set():
                await wait_for_event(asyncio.Event(), CLOSING_PAUSE, self._clock)
            else:
                await wait_for_event(self._closing, backoff.pause(), self._clock)


def _settlement(end: tuple[Run, Outcome], nonce: int) -> Settlement:
    run, (event, result, result_meta, error, _) = end
    if event == "returned":
        return Settlement.of(run.claim, event, nonce, result, result_meta)
    backoff = None if run.handler is None else run.handler.backoff
    seed = random.getrandbits(63)
    return Settlement.of(run.claim, event, nonce, error=error, backoff=backoff, seed=seed)
