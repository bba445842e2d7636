"""`jobs.testing()`: an application's own jobs, run by the real engine on a clock that the test moves."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from asyncendpoints.errors import AsyncEndpointsError, ConfigurationError, StoreUnavailable
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing.clock import VirtualClock

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from asyncendpoints.app import AsyncEndpoints
    from asyncendpoints.maintenance import Maintenance
    from asyncendpoints.stores.base import Store
    from asyncendpoints.worker import Worker

_TURNS = 20
"""Turns of the loop in which a handler that waits for nothing outside of it gets done."""
_BLINK = 0.001
"""Real seconds between two looks at handlers that do wait for something outside of the loop."""


class NotIdle(AsyncEndpointsError):  # noqa: N818 (what it says)
    """Handlers are still running although nothing but real time can end them."""


@runtime_checkable
class Foresighted(Protocol):
    """A store that can say when there is something to do next."""

    def next_due(self) -> int | None:
        """Return it in UTC milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the worker is at: two equal scenes are no progress."""

    runs: frozenset[tuple[str, int]]
    pending: bool

    @property
    def is_quiet(self) -> bool:
        return not self.runs and not self.pending

    def goes_no_further_than(self, other: _Scene) -> bool:
        return self.runs <= other.runs and self.pending <= other.pending


_NOTHING = _Scene(frozenset(), pending=False)


class Testing:
    """Runs the jobs of an application in a test: `async with jobs.testing() as testing:`.

    Within the block jobs live in a memory store of the test's own, whatever store the application names, and nothing
    happens by itself that takes time: delays, retries, timeouts, leases and retention pass when the test calls
    `advance`. Requests with `Prefer: wait` are held until their job ends or the clock has been moved on.

    Args:
        jobs: The application's jobs, not started yet.
        store: A store to use instead of a new memory store, such as a `FaultyStore`.
        patience: Real seconds that a handler which waits for something outside of the event loop (a thread, a
            socket) gets before the clock moves on without it.
    """

    __test__ = False  # it is not a test class, whatever pytest thinks of its name

    def __init__(self, jobs: AsyncEndpoints, *, store: Store | None = None, patience: float = 0.5) -> None:
        self.clock = VirtualClock()
        self.store: Store = MemoryStore() if store is None else store
        self.patience = patience
        self._engine = jobs.engine
        self._own = (self._engine.store, self._engine.clock)
        self._parked = _NOTHING
        self._worker: Worker
        self._sweeper: Maintenance

    async def __aenter__(self) -> Self:
        engine = self._engine
        if engine.started:
            raise ConfigurationError("jobs.testing() starts the application's worker itself: enter it first")
        engine.store, engine.clock = self.store, self.clock
        try:
            await engine.start(worker=True)
            worker, sweeper = engine.worker, engine.maintenance
            if worker is None or sweeper is None:
                raise ConfigurationError("the engine has started without a worker")
        except BaseException:
            await engine.close()
            engine.store, engine.clock = self._own
            raise
        # The sweep's own timer fires every few seconds, which would make a week of retention a long test.
        await sweeper.close()
        if (reporter := engine.measures.reporter) is not None:
            await reporter.close()  # likewise
        self._worker, self._sweeper = worker, sweeper
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        closing = asyncio.ensure_future(self._engine.close())
        try:
            # What closes waits by the clock, which nobody else moves any more.
            while not (await asyncio.wait({closing}, timeout=_BLINK))[0]:
                if (due := self.clock.next_call) is not None:
                    self.clock.move_to(max(due, self.clock.now))
            closing.result()
        finally:
            self._engine.store, self._engine.clock = self._own

    async def run_until_idle(self, patience: float = 10.0) -> None:
        """Run every job that can run now, to the end of its handler; the clock stands still.

        Jobs that wait for their time, retries too, are not run: `advance` the clock to them.

        Args:
            patience: Real seconds that handlers get.

        Raises:
            NotIdle: Handlers have not ended by then.
        """
        await self._sweep()
        if not await self._settle(patience, _NOTHING):
            names = sorted(f"{claim.handler} (job {claim.job_id})" for claim in self._worker.in_flight)
            what = ", ".join(names) or "the store, which does not accept the ends of runs"
            raise NotIdle(f"after {patience:g} real seconds the test still waits for {what}; advance() passes over it")

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen in its time and order that falls due meanwhile.

        Args:
            seconds: How long; 0 lets happen what is due now.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("the virtual clock never goes back")
        # Whatever the test has done since, it may have freed a handler that was stuck.
        self._parked = _NOTHING
        target = self.clock.after(seconds)
        await self._settle_here()
        while (moment := self._next_moment()) is not None and moment <= target:
            self.clock.move_to(moment)
            await self._settle_here()
        self.clock.move_to(target)
        await self._settle_here()

    def _next_moment(self) -> int | None:
        moments = [self.clock.next_call]
        if isinstance(self.store, Foresighted):
            moments.append(self.store.next_due())
        else:
            moments.append(self.clock.after(self._engine.settings.lease_for / 3))
        later = [moment for moment in moments if moment is not None and moment > self.clock.now]
        return min(later, default=None)

    async def _settle_here(self) -> None:
        await self._settle(self.patience, self._parked)
        await self._sweep()
        await self._settle(self.patience, self._parked)

    async def _sweep(self) -> None:
        with suppress(StoreUnavailable):  # a faulty store's sweep is put off, as in production
            await self._sweeper.sweep()

    async def _settle(self, patience: float, parked: _Scene) -> bool:
        """Let happen what can, and return whether nothing is left.

        What is `parked`, because it made no progress before, is not waited for again.
        """
        last: _Scene | None = None
        until = 0.0
        while True:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            scene = self._look()
            if scene.is_quiet or scene.goes_no_further_than(parked):
                return scene.is_quiet
            if scene != last:
                last, until = scene, time.monotonic() + patience
            elif time.monotonic() >= until:
                self._parked = scene
                return False
            else:
                await asyncio.sleep(_BLINK)

    def _look(self) -> _Scene:
        runs = frozenset((claim.job_id, claim.fence) for claim in self._worker.in_flight)
        return _Scene(runs, self._worker.pending)
