"""One application's engine: it starts, drains and ends the worker and the sweep, and answers every question."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from asyncendpoints import forks, with_outbox
from asyncendpoints._core import Meters
from asyncendpoints.errors import (
    ConfigurationError,
    ForkedWorker,
    NotStarted,
    StoreUnavailable,
)
from asyncendpoints.maintenance import Maintenance
from asyncendpoints.measures import Measures
from asyncendpoints.observability.logging import install_record_factory
from asyncendpoints.questions import Questions
from asyncendpoints.relay import Relay
from asyncendpoints.signals import ShutdownSignals
from asyncendpoints.start_log import describe_start
from asyncendpoints.waits import HeldWaits
from asyncendpoints.worker import Worker

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping

    from asyncendpoints.clock import Clock
    from asyncendpoints.registry import Registry
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import Outbox

NOT_STARTED: Final = (
    "the embedded worker was never started, so the job would never run: call jobs.install(app) on the application "
    "that the server runs (not on a mounted one), use `async with jobs:` in a script, or set worker=False where "
    "another process works"
)

_log = logging.getLogger(__name__)


class Engine(Questions):
    """What the facade and the HTTP layer drive.

    Args:
        store: Where jobs are kept.
        registry: The handlers of this process.
        settings: The application's settings.
        clock: Where time comes from; None is the system's clock.
        outbox: Where submissions of the user's own transactions wait for their way to the store, if anywhere.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        settings: Settings,
        clock: Clock | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        super().__init__(store, settings, clock, outbox)
        self.registry = registry
        self.found_no_store = False
        """Whether the last start failed because the store did not answer."""
        self._generation = forks.generation()
        self._lives = 0
        self.measures = Measures(self)
        """What is measured of it."""
        self._forget()
        registry.watch(self._know_handlers)
        self._know_handlers()

    def _know_handlers(self) -> None:
        """Count the jobs of what is registered by its name: no stranger's job makes a counter of its own."""
        self.meters.know(self.registry.names)

    def _begin_anew(self) -> None:
        # What the parent started, and has counted, stayed with the parent; this is the child's own.
        self._generation = forks.generation()
        self._forget()
        self.meters = Meters()
        self.measures = Measures(self)
        self._know_handlers()

    def _forget(self) -> None:
        self._started = False
        self._works: bool | None = None
        self._draining = False
        self._opened = False
        self._worker: Worker | None = None
        self._maintenance: Maintenance | None = None
        self._relay: Relay | None = None
        self._signals: ShutdownSignals | None = None
        self._signals_seen = 0
        self._ending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._waits = HeldWaits()

    @property
    def started(self) -> bool:
        """Whether `start` has been called, and `close` not since."""
        return self._started

    @property
    def draining(self) -> bool:
        """Whether a drain has begun: held waits and streams are to end."""
        return self._draining

    @property
    def worker_running(self) -> bool:
        """Whether this process runs jobs."""
        return self._worker is not None and not self._draining

    @property
    def worker(self) -> Worker | None:
        """The worker of this process, while it has one."""
        return self._worker

    @property
    def maintenance(self) -> Maintenance | None:
        """The sweep of this process, while it is started."""
        return self._maintenance

    def ready(self) -> list[str]:
        """Return why this process is not ready to serve; an empty list where it is. The store is not asked."""
        reasons: list[str] = []
        if not self._started:
            reasons.append("not started")
        if self._draining:
            reasons.append("draining")
        return reasons

    async def check_ready(self) -> list[str]:
        """Return the same, having asked the store too."""
        reasons = self.ready()
        try:
            await self.store.ping()
        except StoreUnavailable as error:
            reasons.append(f"the store does not answer: {error}")
        except ConfigurationError as error:
            # Somebody has taken its tables to another version, or dropped them.
            reasons.append(str(error))
        return reasons

    # Life.

    async def start(self, *, worker: bool | None = None) -> None:
        """Open the store, start the sweep and, where `worker` says so, the worker; on the running event loop.

        Args:
            worker: Whether this process runs jobs; None is what the setting says.

        Raises:
            ConfigurationError: The engine is already started.
            StoreUnavailable: The store does not answer.
        """
        if self._generation != forks.generation():
            self._begin_anew()
        if self._started:
            raise ConfigurationError("already started; an application is started once, by its lifespan or by you")
        self._started = True
        self._lives += 1
        self._works = self.settings.worker if worker is None else worker
        self.found_no_store = False
        try:
            await self._open()
        except BaseException as error:
            self.found_no_store = isinstance(error, StoreUnavailable)
            self._started = False
            raise
        install_record_factory()
        self._maintenance = Maintenance(self.store, self.settings, self.clock, self.meters, self.outbox)
        if self.outbox is not None:
            self._relay = Relay(self.store, self.outbox, self.settings, self.clock)
        if self._works:
            self._worker = Worker(self.store, self.registry, self.settings, self.clock, self.meters)
        self.measures.start()
        self._signals = ShutdownSignals(self._signaled)
        name = None if self._worker is None else self._worker.name
        address = None if self.outbox is None else self.outbox.address
        _log.info("%s", describe_start(self.store.traits, self.settings, self.registry.queues, name, address))

    async def _open(self) -> None:
        if not self._opened:
            await with_outbox.open_all(self.store, self.outbox)
            self._opened = True

    def _signaled(self, number: signal.Signals, alone: bool) -> None:
        self._signals_seen += 1
        if self._signals_seen > 1:
            self.release_now()
            return
        _log.info("%s received, draining", number.name)
        self.begin_drain()
        if alone:
            self._ending = asyncio.get_running_loop().create_task(self._end_process(number))

    async def _end_process(self, number: signal.Signals) -> None:
        # Nobody else acts on the signal: its default action, which was put off for the drain, follows now.
        signals = self._signals
        await self.stop()
        if signals is not None:
            signals.act(number)

    def begin_drain(self) -> None:
        """Stop claiming, be unready, let held waits answer and streams close. Idempotent; on the engine's loop."""
        if self._draining or not self._started:
            return
        self._draining = True
        if self._worker is not None:
            self._worker.stop_claiming()
        self._waits.let_go()

    async def drain(self, grace: float | None = None) -> None:
        """Begin the drain, give handlers `grace` seconds (None: the setting), give back what still runs."""
        self.begin_drain()
        if self._worker is not None:
            await self._worker.drain(self.settings.shutdown_grace if grace is None else grace)

    def release_now(self) -> None:
        """End the grace and give back what still runs: the second signal. A drain has to be going on, or follow."""
        self.begin_drain()
        if self._worker is not None:
            self._worker.leave_now()

    async def stop(self, grace: float | None = None) -> None:
        """Drain and close: what is started meanwhile, after another stop has ended first, is left alone."""
        life = self._lives
        try:
            await self.drain(grace)
        finally:
            if life == self._lives:
                await self.close()

    async def close(self) -> None:
        """End everything that `start` started, without grace. Idempotent; the engine can be started again."""
        if not self._started or self._generation != forks.generation():
            return
        self.begin_drain()
        if self._closing is None or self._closing.done():
            self._closing = asyncio.get_running_loop().create_task(self._close())
        # Whoever asks for it waits for the same one, which goes on although one of them is cancelled.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        worker, maintenance, relay, signals = self._worker, self._maintenance, self._relay, self._signals
        if worker is not None:
            await worker.drain(0)
            await worker.close()
        if maintenance is not None:
            await maintenance.close()
        if relay is not None:
            await relay.close()
        await self.measures.close()
        if signals is not None:
            signals.restore()
        try:
            if self._opened:
                await with_outbox.close_all(self.store, self.outbox)
        finally:
            ending = self._ending
            self._forget()
            self._ending = ending  # it may be what calls this
        _log.info("ended")

    def override(
        self,
        *,
        worker: bool | None = None,
        concurrency: int | None = None,
        queues: tuple[str, ...] | Mapping[str, int] | None = None,
    ) -> None:
        """Change settings before the start, as a worker process's command line does; None leaves one as it is.

        Raises:
            ConfigurationError: A value cannot work, or the engine has started.
        """
        if self._started:
            raise ConfigurationError("settings can only be changed before the start")
        changes = {"worker": worker, "concurrency": concurrency, "queues": queues}
        self.settings = replace(self.settings, **{name: value for name, value in changes.items() if value is not None})

    # What questions ask first.

    @property
    def _accepts(self) -> bool:
        return self._started and self._generation == forks.generation()

    def _check_alive(self) -> None:
        if self._generation != forks.generation():
            if self._started:
                raise ForkedWorker(
                    "this process was forked from one whose worker had started; start one of its own after the fork"
                )
            self._begin_anew()

    async def _check_accepting(self) -> None:
        self._check_alive()
        if not self._started:
            if self.settings.worker if self._works is None else self._works:
                raise NotStarted(NOT_STARTED)
            await self._open()
