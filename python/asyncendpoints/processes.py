"""Several worker processes under one supervisor, which starts them, keeps them and ends them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from asyncendpoints.timing import Backoff
from asyncendpoints.worker_command import AWAY, DRAIN, FAILED, LEAVE, LEAVE_WITHIN, MISUSED

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

STEADY: Final = 10.0
"""Seconds after which a worker has proved that it can run."""
TRIES: Final = 5
"""How many times in a row a worker may end before that, until the supervisor gives up."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds before a worker that ended is started again: doubled each time it ends before it is steady."""

_log = logging.getLogger(__name__)


def supervise(count: int, arguments: Sequence[str], *, first_port: int | None = None) -> int:
    """Run worker processes until a signal ends them, and start those again that end by themselves.

    Args:
        count: How many.
        arguments: The command line of each, after the program's name.
        first_port: Where the first one serves its metrics, and each other one on the port after the one before.

    Returns:
        The worst exit code of the workers; that of one that ended by a signal is 128 and the signal's number.
    """
    return asyncio.run(Supervisor(count, arguments, first_port).run())


class Supervisor:
    """Keeps worker processes running; imports nothing of the application.

    Each worker has a lifeline, a pipe whose other end is here: what is written there ends the worker, and so does its
    end, when the supervisor is no more.

    Args:
        count: How many workers.
        arguments: The command line of each, after the program's name.
        first_port: Where the first one serves its metrics, and each other one on the port after the one before.
    """

    def __init__(self, count: int, arguments: Sequence[str], first_port: int | None = None) -> None:
        self._count = count
        self._first_port = first_port
        self._command = [sys.executable, "-m", "asyncendpoints", *arguments]
        self._workers: dict[Process, int] = {}
        self._stopping = asyncio.Event()
        self._signals = 0
        self._order = b""
        self._failed = 0

    async def run(self) -> int:
        """Run the workers, and return the worst exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        _log.info("process %d starts %d workers", os.getpid(), self._count)
        codes = await asyncio.gather(*(self._keep(number) for number in range(self._count)))
        _log.info("all workers have ended")
        return max(self._failed, *(FAILED if code == AWAY else code for code in codes))

    def _signalled(self, number: signal.Signals) -> None:
        self._signals += 1
        if self._signals == 1:
            _log.info("%s received, the workers drain", number.name)
            self._end(DRAIN)
            return
        _log.info("%s received again, the workers leave at once", number.name)
        self._end(LEAVE)
        asyncio.get_running_loop().call_later(2 * LEAVE_WITHIN, self._kill)

    def _end(self, order: bytes) -> None:
        self._stopping.set()
        self._order = order
        for lifeline in self._workers.values():
            _tell(lifeline, order)

    def _kill(self) -> None:
        for process in self._workers:
            _log.error("process %d does not leave and is killed", process.pid)
            process.kill()

    async def _keep(self, number: int) -> int:
        """Keep one worker running; return its last exit code."""
        name = f"worker-{number + 1}"
        own = ["--process-name", name]
        if self._first_port is not None:
            # Each has a port for good, so that whoever scrapes it finds the same one there after a restart.
            own += ["--metrics-port", str(self._first_port + number)]
        backoff, early = Backoff(FIRST_PAUSE, LONGEST_PAUSE), 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            code = await self._run(own)
            if self._stopping.is_set():
                return code
            early += 1
            if code == AWAY:
                # The store's end is not the worker's fault, and the others wait for it, too.
                early = 0
            elif loop.time() - began >= STEADY:
                early = 0
                backoff.reset()
            if code == MISUSED or early >= TRIES:
                why = (
                    "cannot work as it is configured"
                    if code == MISUSED
                    else f"ended {early} times soon after its start"
                )
                _log.error("%s %s, giving up", name, why)
                self._failed = code or FAILED
                self._end(DRAIN)
                return self._failed
            pause = backoff.pause()
            _log.warning("%s ended with exit code %d and is started again in %.1f s", name, code, pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return code

    async def _run(self, own: Sequence[str]) -> int:
        """Run one worker process to its end, and return its exit code."""
        theirs, ours = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *(*own, "--lifeline", str(theirs)),
                pass_fds=(theirs,),
                stdin=asyncio.subprocess.DEVNULL,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._workers[process] = ours
        if self._order:
            _tell(ours, self._order)
        try:
            code = await process.wait()
        finally:
            del self._workers[process]
            os.close(ours)
        if code >= 0:
            return code
        if self._stopping.is_set() and -code in (signal.SIGTERM, signal.SIGINT):
            # A signal to the whole group, which came before the worker could take it.
            return 0
        return 128 - code


def _tell(lifeline: int, order: bytes) -> None:
    with suppress(BrokenPipeError):  # it has ended already
        os.write(lifeline, order)
