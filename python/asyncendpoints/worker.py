"""The worker: claims jobs as long as it has free slots, runs each in a task, and hands over how it ended."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import Context
from math import ceil, inf
from threading import get_ident
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from asyncendpoints.cancels import CancelWatch
from asyncendpoints.claimer import Claimer
from asyncendpoints.claiming import Claiming
from asyncendpoints.deadlines import ROUNDING, Deadlines
from asyncendpoints.execution import Run, Services, Stop, execute
from asyncendpoints.failures import RELEASED, Outcome, timed_out
from asyncendpoints.job_log import log_end, log_overdue, log_starts, logs_every_end, recorded_outcome
from asyncendpoints.observability import tracing
from asyncendpoints.observability.logging import log_safely
from asyncendpoints.settling import Settler
from asyncendpoints.threads import Threads
from asyncendpoints.timing import wait_for_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Claim, Meters
    from asyncendpoints.clock import Clock, Timer
    from asyncendpoints.registry import Registry
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import LeaseKeeper, Store

PATIENCE: Final = 1.0
"""Seconds that a cancelled handler gets to clean up before its run is settled without it."""
_log = logging.getLogger(__name__)


class Worker:
    """Runs jobs on the event loop that starts it.

    Args:
        store: Where jobs come from.
        registry: The handlers.
        settings: Concurrency, queues, lease.
        clock: Where time comes from.
        meters: Where runs are counted.
    """

    def __init__(self, store: Store, registry: Registry, settings: Settings, clock: Clock, meters: Meters) -> None:
        self.name = f"worker-{uuid4().hex[:12]}"
        self._store = store
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._meters = meters
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._runs: dict[tuple[str, int], Run] = {}
        self._threads = Threads(settings.threads)
        self._services = Services(store, clock, settings, self._threads)
        self._spans = tracing.AttemptSpans(self.name)
        self._settler = Settler(store, clock, self._settled)
        self._deadlines = Deadlines(clock, self._runs, self._due)
        claiming = Claiming(
            store,
            clock,
            worker=self.name,
            lease_ms=settings.lease_ms,
            weights=settings.weights,
            accept=self._accept,
        )
        self._claimer = Claimer(
            claiming, clock, slots=settings.concurrency, taken=self._taken, lossless=store.traits.lossless_wakeups
        )
        self._grace_over = asyncio.Event()
        self._beat_timer: Timer | None = None
        self._keeper: LeaseKeeper = store.keeper(
            worker=self.name, lease_ms=settings.lease_ms, max_stall_ms=settings.max_stall_ms
        )
        self._cancels: CancelWatch | None = None
        if not store.traits.lossless_wakeups:
            self._cancels = CancelWatch(store, clock, settings.lease_ms, self._runs, self._cancel)
        self._unsubscribe: Callable[[], None] | None = None
        self._unwatch = registry.watch(self._handlers_changed)
        self._listen()

    @property
    def running(self) -> int:
        """How many handlers have not ended."""
        return len(self._runs)

    @property
    def in_flight(self) -> list[Claim]:
        """The runs whose handlers have not ended."""
        return [run.claim for run in self._runs.values()]

    @property
    def pending(self) -> bool:
        """Whether ends are unwritten or a claim is to be made: what goes on without any handler."""
        return self._settler.waiting > 0 or self._claimer.pending

    # What the store tells, from any thread.

    def wake(self) -> None:
        """Something may be claimable."""
        if get_ident() == self._thread:
            self._claimer.wake()
        else:
            self._call_on_loop(self._claimer.wake)

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """The cancellation of this run was asked for."""
        if get_ident() == self._thread:
            self._cancel(job_id, fence)
        else:
            self._call_on_loop(self._cancel, job_id, fence)

    def _call_on_loop(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(function, *arguments)

    def _cancel(self, job_id: str, fence: int) -> None:
        run = self._runs.get((job_id, fence))
        if run is not None and run.stop is None:
            run.ask_to_stop(Stop.CANCEL)

    # Claiming.

    def _listen(self) -> None:
        queues = tuple(self._settings.queues or self._registry.queues)
        if queues == self._claimer.queues:
            return
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._claimer.queues = queues
        self._unsubscribe = self._store.subscribe(self.name, queues, self)
        self._claimer.wake()

    def _handlers_changed(self) -> None:
        if get_ident() == self._thread:
            self._listen()
        else:
            self._call_on_loop(self._listen)

    def _taken(self) -> int:
        """Return how many slots are not free: ended runs hold one only where very many of them wait to be settled."""
        return len(self._runs) + max(self._settler.waiting - self._settings.concurrency, 0)

    def _accept(self, claims: Sequence[Claim]) -> bool:
        if self._claimer.stopping:
            return False
        self._begin_all(claims)
        return True

    # Running.

    def _begin_all(self, claims: Sequence[Claim]) -> None:
        now = self._clock.monotonic()
        shortest = inf
        runs, create_task, find = self._runs, self._loop.create_task, self._registry.find
        drive = self._drive_traced if tracing.enabled() else self._drive
        held: list[tuple[str, int, int]] = []
        for claim in claims:
            timeout_ms = claim.timeout_ms
            shortest = min(shortest, timeout_ms)
            job_id, fence = key = (claim.job_id, claim.fence)
            runs[key] = run = Run(claim, key, find(claim.handler), now + timeout_ms / 1000, self._services)
            held.append((job_id, fence, timeout_ms))
            # An empty context: a worker that was started within a request must not hand its variables on.
            run.task = create_task(drive(run), name=job_id, context=Context())
        self._keeper.hold(held)
        self._meters.started(claims)
        log_starts(claims)
        self._deadlines.watch(now + shortest / 1000)
        if self._cancels is not None:
            self._cancels.watch()
        if self._beat_timer is None:
            self._beat_timer = self._clock.call_later(self._settings.lease_for / 3, self._beat)

    async def _drive(self, run: Run) -> None:
        run.begun = self._clock.monotonic()
        self._end(run, await execute(run))

    async def _drive_traced(self, run: Run) -> None:
        self._spans.begin(run.claim, run.key)
        await self._drive(run)

    def _end(self, run: Run, outcome: Outcome) -> None:
        del self._runs[run.key]
        if self._spans:
            self._spans.returned(run.key)
        # The task's context holds the job's context and that the run: without this, only the collector frees them.
        run.task = None
        if not run.settled:
            self._settler.add(run, outcome)
        self._claimer.freed()
        if not self._runs and self._claimer.stopping:
            self._grace_over.set()

    def _settled(self, ends: Sequence[tuple[Run, Outcome]], states: Sequence[str]) -> None:
        every = logs_every_end()
        self._keeper.drop([run.key for run, _ in ends])
        self._meters.ended(ends, states)
        for (run, outcome), state in zip(ends, states, strict=True):
            if every or state in {"failed", "stale"}:
                log_end(run, outcome, state)
            if self._spans:
                known = "lost" if state in {"stale", "unwritten"} else recorded_outcome(outcome, state)
                self._spans.settled(run.key, known, problem=outcome.error, raised=run.raised)
        self._claimer.freed()

    def _beat(self) -> None:
        self._beat_timer = None
        # Runs whose ends are not written yet are still this worker's.
        if self._runs or self._settler.waiting:
            self._keeper.beat(now=self._clock.store_now())
            self._beat_timer = self._clock.call_later(self._settings.lease_for / 3, self._beat)

    def _due(self, run: Run, now: float) -> None:
        if run.settled:
            run.next_check = inf
        elif run.task is not None and run.task.done():
            # Somebody cancelled the task before it had begun.
            self._end(run, timed_out(run.claim.timeout_ms))
        elif run.stop is Stop.RELEASE:
            run.next_check = inf
            if not self._claimer.stopping:  # a drain looks after those itself
                self._settler.add(run, RELEASED)
        elif run.waits_for_thread:
            self._wait_for_thread(run, now)
        elif run.deadline > now + ROUNDING:
            # A plain function whose time began with its thread.
            run.next_check = run.deadline
            self._keeper.hold([(*run.key, ceil((run.deadline - now) * 1000))])
        elif run.is_late or run.in_thread:
            # Told once is enough: another cancel would only interrupt its cleaning up.
            run.stop = Stop.TIMEOUT
            run.next_check = inf
            log_overdue(run)
            self._settler.add(run, timed_out(run.claim.timeout_ms))
        else:
            run.next_check = now + PATIENCE
            run.ask_to_stop(Stop.TIMEOUT)

    def _wait_for_thread(self, run: Run, now: float) -> None:
        timeout = run.claim.timeout_ms / 1000
        end = run.deadline + max(self._settings.lease_for - timeout, 0.0)
        if now + ROUNDING < end:
            run.next_check = min(end, now + timeout)
            self._keeper.hold([(*run.key, run.claim.timeout_ms)])
            return
        run.next_check = now + PATIENCE
        if run.withdraw():
            # Threads that are stuck here must not keep it from other workers.
            log_safely(_log, logging.WARNING, "job %s got no thread and is given back", run.claim.job_id)
            run.ask_to_stop(Stop.RELEASE)

    # Ending.

    def stop_claiming(self) -> None:
        """Claim nothing more. Idempotent."""
        self._claimer.stop()

    def leave_now(self) -> None:
        """Give the handlers no more grace."""
        self.stop_claiming()
        self._grace_over.set()

    async def drain(self, grace: float) -> None:
        """Stop claiming, let handlers end for `grace` seconds, give back what still runs."""
        await self._claimer.drain()
        if self._runs:
            await wait_for_event(self._grace_over, grace, self._clock)
            await self._release()

    async def _release(self) -> None:
        for run in tuple(self._runs.values()):
            if not run.settled and not run.is_late:
                run.ask_to_stop(Stop.RELEASE)
        tasks = [run.task for run in self._runs.values() if run.task is not None and not run.in_thread]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE)
        for run in tuple(self._runs.values()):
            if not run.settled:
                log_overdue(run)
                self._settler.add(run, timed_out(run.claim.timeout_ms) if run.is_late else RELEASED)

    async def close(self, patience: float = 5.0) -> None:
        """End everything; the ends of runs get `patience` seconds to reach the store."""
        await self._claimer.close()
        await self._settler.close(patience)
        self._spans.close()
        await self._claimer.give_back()
        for run in tuple(self._runs.values()):
            if run.task is not None:
                run.task.cancel()
        if self._beat_timer is not None:
            self._beat_timer.cancel()
        if self._cancels is not None:
            await self._cancels.close()
        self._deadlines.close()
        self._unwatch()
        if self._unsubscribe is not None:
            self._unsubscribe()
        await self._keeper.close()
        self._threads.close()
