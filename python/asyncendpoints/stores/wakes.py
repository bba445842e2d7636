"""Who is told by a store: the listeners of workers, and the waiters for one job's next change.

Everything here may be called from any thread. A lock guards what is changed; what is read on the way of an
operation is never changed in place, so that telling takes no lock.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints.stores.base import Listener


class Waiter:
    """One coroutine that waits for a change; the future belongs to its event loop."""

    __slots__ = ("_changed", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Tell of a change, from any thread."""
        if _running_loop() is self._loop:
            self._changed.set()
            return
        try:
            self._loop.call_soon_threadsafe(self._changed.set)
        except RuntimeError:
            # The loop was closed with the coroutine unfinished: nobody is left to be told.
            if not self._loop.is_closed():
                raise

    async def change(self, deadline: float) -> None:
        """Return after a change that has not been answered yet, or when the loop's time is past `deadline`."""
        timer = self._loop.call_at(deadline, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
        self._changed.clear()


class Waiters:
    """The waiters of every watched job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_job: dict[str, tuple[Waiter, ...]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_job.values()))

    def add(self, job_id: str) -> Waiter:
        """Make a waiter for the job on the running event loop."""
        waiter = Waiter()
        with self._lock:
            self._by_job[job_id] = (*self._by_job.get(job_id, ()), waiter)
        return waiter

    def remove(self, job_id: str, waiter: Waiter) -> None:
        """Forget a waiter; harmless where it is unknown."""
        with self._lock:
            rest = tuple(other for other in self._by_job.get(job_id, ()) if other is not waiter)
            if rest:
                self._by_job[job_id] = rest
            else:
                self._by_job.pop(job_id, None)

    def wake(self, job_ids: Sequence[str]) -> None:
        """Tell the waiters of these jobs."""
        if not self._by_job:
            return
        for job_id in job_ids:
            for waiter in self._by_job.get(job_id, ()):
                waiter.wake()

    def wake_all(self) -> None:
        """Tell every waiter."""
        self.wake(list(self._by_job))


class Listeners:
    """Which listener wants to hear of which queue and of which worker's runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_queue: dict[str, tuple[Listener, ...]] = {}
        self._by_worker: dict[str, tuple[Listener, ...]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_worker.values()))

    def add(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Add a listener and return how to remove it, which may be called more than once."""
        places = [(self._by_worker, worker), *((self._by_queue, queue) for queue in dict.fromkeys(queues))]
        with self._lock:
            for index, name in places:
                index[name] = (*index.get(name, ()), listener)
        return lambda: self._remove(places, listener)

    def _remove(self, places: list[tuple[dict[str, tuple[Listener, ...]], str]], listener: Listener) -> None:
        with self._lock:
            for index, name in places:
                rest = tuple(other for other in index.get(name, ()) if other is not listener)
                if rest:
                    index[name] = rest
                else:
                    index.pop(name, None)

    def wake(self, queues: Sequence[str]) -> None:
        """Wake the listeners of these queues, each once."""
        if len(queues) == 1:
            woken = self._by_queue.get(queues[0], ())
        else:
            woken = tuple({id(each): each for queue in queues for each in self._by_queue.get(queue, ())}.values())
        for listener in woken:
            listener.wake()

    def wake_all(self) -> None:
        """Wake every listener."""
        self.wake(list(self._by_queue))

    def cancel(self, cancels: Sequence[tuple[str, str, int]]) -> None:
        """Tell workers of runs whose cancellation was asked for: `(worker, job_id, fence)`."""
        for worker, job_id, fence in cancels:
            for listener in self._by_worker.get(worker, ()):
                listener.cancel_requested(job_id, fence)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
