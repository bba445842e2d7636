"""Threads for handlers that are plain functions: bounded, started at first use, and never waited for at exit."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Threads:
    """At most `size` daemon threads that make calls.

    The standard executor's threads are joined when the interpreter exits, so one handler that never ends would keep
    the process from ending after its run has long been released.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._idle = 0
        self._started = 0
        self._closed = False

    def call(self, function: Callable[[], None]) -> None:
        """Call a function, which must not raise, in one of the threads, as soon as one is free."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._started < self._size:
                self._started += 1
                Thread(target=self._work, name=f"asyncendpoints-handler-{self._started}", daemon=True).start()
            self._calls.put(function)

    def close(self) -> None:
        """Let every thread end when its call has ended. Idempotent; nothing is called afterwards."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            started = self._started
        for _ in range(started):
            self._calls.put(None)

    def _work(self) -> None:
        while (function := self._calls.get()) is not None:
            function()
            # Dropped before the wait for the next call, so that its arguments are not kept alive meanwhile.
            del function
            with self._lock:
                if self._calls.empty():
                    self._idle += 1
