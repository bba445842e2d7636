"""Threads for handlers that are plain functions: bounded, started at first use, and never waited for at exit."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
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
        self._calls: deque[Callable[[], None]] = deque()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        """True for each call, also for one that was discarded meanwhile; False ends one thread."""
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
                name = f"asyncendpoints-handler-{self._started + 1}"
                Thread(target=self._work, name=name, daemon=True).start()
                self._started += 1
            self._calls.append(function)
            self._tokens.put(True)

    def discard(self, function: Callable[[], None]) -> None:
        """Forget a call, unless it has begun: nothing of it is kept until a thread is free."""
        if self._calls:
            with suppress(ValueError):  # a thread has taken it
                self._calls.remove(function)

    def close(self) -> None:
        """Let every thread end when its call has ended. Idempotent; nothing is called afterwards."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            started = self._started
        for _ in range(started):
            self._tokens.put(False)

    def _work(self) -> None:
        while self._tokens.get():
            self._call_next()
            with self._lock:
                if self._tokens.empty():
                    self._idle += 1

    def _call_next(self) -> None:
        try:
            function = self._calls.popleft()
        except IndexError:
            return  # discarded
        # The name goes with this frame, so that the call's arguments are not kept alive until the next one.
        function()
