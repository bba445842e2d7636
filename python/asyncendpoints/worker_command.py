"""The worker's process: an application's jobs run until somebody says that it is to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import ConfigurationError, StoreUnavailable
from asyncendpoints.lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from asyncendpoints.app import AsyncEndpoints
    from asyncendpoints.engine import Engine

LEAVE_WITHIN: Final = 5.0
"""Seconds that what swallows its cancellation gets to end after the drain, before the process ends without it; and
that everything gets after a second signal."""

FAILED: Final = 1
"""The exit code where the application or its store could not be started, or not be shut down."""
MISUSED: Final = 2
"""The exit code of a command line or a configuration that cannot work, however often it is tried."""
STUCK: Final = 3
"""The exit code where something that did not end was abandoned."""

AWAY: Final = 75
"""What a supervised worker returns where the store did not answer at its start: trying again is what helps."""

DRAIN: Final = b"d"
"""What a supervisor writes into a worker's lifeline to have it drain; the end of the lifeline says the same."""
LEAVE: Final = b"l"
"""What it writes to have the worker leave at once."""

_log = logging.getLogger(__name__)


class LastResort:
    """Ends the process some seconds later, whatever still runs.

    asyncio waits without end for tasks that swallow their cancellation, and for its executor's threads.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def arm(self) -> None:
        """Begin to count; on the event loop. Idempotent."""
        if self._timer is None:
            self._timer = threading.Timer(LEAVE_WITHIN, _abandon, (asyncio.get_running_loop(),))
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        """Count no more: everything has ended."""
        if self._timer is not None:
            self._timer.cancel()


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    left = [task.get_name() for task in asyncio.all_tasks(loop)]
    left += [thread.name for thread in threading.enumerate() if not thread.daemon]
    _log.error("ending the process although these tasks and threads still run: %s", ", ".join(left))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STUCK)


class Orders:
    """When the worker is to end: at a signal, or when its supervisor says so or is no more.

    The first signal begins the drain, a second one ends its grace (SHD-1). A supervisor's words are counted apart from
    signals, because a terminal and systemd send signals to all processes of a group: one Ctrl-C must not count twice.

    Args:
        engine: What drains.
        lifeline: The supervisor's pipe, a file descriptor; None where there is no supervisor.
        last_resort: Ends the process when it does not leave at once although it was told to.
    """

    def __init__(self, engine: Engine, lifeline: int | None, last_resort: LastResort) -> None:
        self.told = asyncio.Event()
        """Whether the worker is to end."""
        self._engine = engine
        self._last_resort = last_resort
        self._signals = 0
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled)
        if lifeline is not None:
            # Programs that handlers start have no part in it.
            os.set_inheritable(lifeline, False)
            self._loop.add_reader(lifeline, self._hear, lifeline)

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals == 1:
            self._drain()
        else:
            self._leave()

    def _hear(self, lifeline: int) -> None:
        word = os.read(lifeline, 1)
        if word == LEAVE:
            self._leave()
            return
        if not word:
            self._loop.remove_reader(lifeline)
        if not self.told.is_set():
            _log.info("%s, draining", "told to end" if word else "the supervisor is gone")
        self._drain()

    def _drain(self) -> None:
        self._engine.begin_drain()
        self.told.set()

    def _leave(self) -> None:
        self._engine.release_now()
        self.told.set()
        self._last_resort.arm()


def run_worker(
    jobs: AsyncEndpoints,
    *,
    concurrency: int | None = None,
    queues: tuple[str, ...] | Mapping[str, int] | None = None,
    lifespan: bool = True,
    lifeline: int | None = None,
    metrics: tuple[str, int] | None = None,
) -> int:
    """Run an application's jobs on an event loop of its own, until a signal or the supervisor ends it.

    Args:
        jobs: The application's.
        concurrency: How many at once; None is what the settings say.
        queues: The queues to work on, or their weights; None is what the settings say.
        lifespan: Whether the installed application's start-up and shutdown code runs around it.
        lifeline: The supervisor's pipe, a file descriptor; None where there is no supervisor.
        metrics: The address and the port on which metrics and health are served; None serves them nowhere.

    Returns:
        The process's exit code: 0 where all ended well, else `FAILED`; under a supervisor, `AWAY` where the store does
        not answer.

    Raises:
        ConfigurationError: The store is not shared between processes, a value cannot work, or the port is taken.
        StoreUnavailable: The store does not answer, and there is no supervisor.
    """
    traits = jobs.engine.store.traits
    if not traits.shared:
        raise ConfigurationError(
            f"the {traits.name} store cannot be seen by another process, so a worker of its own would find no jobs; "
            "let the application's own process work (worker=True), or use a store that processes share"
        )
    jobs.engine.override(worker=True, concurrency=concurrency, queues=queues)
    last_resort = LastResort()

    async def run() -> int:
        try:
            with _served(jobs.engine, metrics):
                return await _work(jobs, Orders(jobs.engine, lifeline, last_resort), lifespan=lifespan)
        finally:
            last_resort.arm()

    try:
        code = asyncio.run(run())
        return FAILED if code == AWAY and lifeline is None else code
    except StoreUnavailable as error:
        if lifeline is None:
            raise
        _log.error("the store does not answer: %s", error)
        return AWAY
    finally:
        last_resort.disarm()


@contextmanager
def _served(engine: Engine, metrics: tuple[str, int] | None) -> Generator[None]:
    """Serve metrics and health until the process ends: a drain is seen as one, and so is a start that hangs."""
    if metrics is None:
        yield
        return
    from asyncendpoints.probe_server import ProbeServer

    host, port = metrics
    server = ProbeServer(engine, asyncio.get_running_loop(), host=host, port=port)
    _log.info("metrics and health are served on %s:%d", host, server.port)
    try:
        yield
    finally:
        server.close()


async def _work(jobs: AsyncEndpoints, orders: Orders, *, lifespan: bool) -> int:
    application = jobs.application
    if application is None or not lifespan:
        async with jobs:
            await orders.told.wait()
        return 0
    running = Lifespan(application)
    if not await running.start():
        _log.error("the application could not start: %s", running.failure)
        return AWAY if jobs.engine.found_no_store else FAILED
    try:
        if not jobs.engine.started:
            raise ConfigurationError("the application's lifespan did not start the worker; run with --no-lifespan")
        await orders.told.wait()
    finally:
        ended = await running.stop()
    if not ended:
        _log.error("the application could not shut down: %s", running.failure)
    return 0 if ended else FAILED
