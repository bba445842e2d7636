"""Waits for changes of jobs: told at once of what this process does; what others do is seen by one look for all."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.sql import reading
from asyncendpoints.stores.wakes import Waiters

if TYPE_CHECKING:
    from asyncendpoints.job import Job
    from asyncendpoints.stores.sql.lines import Line

TICK: Final = 0.1
"""Seconds after which all waits of an event loop look again together."""

_log = logging.getLogger(__name__)


class Watching:
    """The waits of a process. Between looks they hold no connection.

    Args:
        reads: Where to look.
    """

    def __init__(self, reads: Line) -> None:
        self.waiters = Waiters()
        self._reads = reads
        self._watched: dict[asyncio.AbstractEventLoop, list[tuple[str, int]]] = {}
        self._closed = False

    def close(self) -> None:
        """Let everybody go with what they know. Idempotent."""
        self._closed = True
        self.waiters.wake_all()

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job | None:  # noqa: ASYNC109 (a long poll)
        """Return the job once its version is above `version` or it is done, or after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        if timeout <= 0:
            return await self._get(job_id)
        waiter = self.waiters.add(job_id)
        self._watch(loop, (job_id, version))
        try:
            while True:
                # Read after watching, so that a change in between is either seen here or told.
                job = await self._get(job_id)
                if job is None or job.done or job.version > version or loop.time() >= deadline:
                    return job
                await waiter.change(deadline)
                if self._closed:
                    return job
        finally:
            self.waiters.remove(job_id, waiter)
            self._watched[loop].remove((job_id, version))

    async def _get(self, job_id: str) -> Job | None:
        (job,) = await self._reads.join("get", [job_id], reading.get)
        return job

    def _watch(self, loop: asyncio.AbstractEventLoop, wait: tuple[str, int]) -> None:
        for other in [other for other in self._watched if other.is_closed()]:
            del self._watched[other]
        waits = self._watched.get(loop)
        if waits is None:
            waits = self._watched[loop] = []
            loop.call_later(TICK, self._tick, loop)
        waits.append(wait)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed or not self._watched.get(loop):
            self._watched.pop(loop, None)
            return
        task = loop.create_task(self._look(loop))
        # Held by the list of its own callbacks until it is done.
        task.add_done_callback(lambda _: loop.call_later(TICK, self._tick, loop))

    async def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        watched: dict[str, int] = {}
        for job_id, version in self._watched[loop]:
            watched[job_id] = min(version, watched.get(job_id, version))
        try:
            self.waiters.wake(await self._reads.call(lambda tx: reading.changed(tx, watched)))
        except StoreUnavailable as error:
            _log.debug("changes by other processes are not seen: %s", error)
