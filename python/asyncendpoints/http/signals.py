"""Hearing of a shutdown at once (SHD-1).

A server tells the lifespan only when all open requests have been answered, and streams and held waits are
open requests. So at start-up the handlers that the server has installed for SIGTERM and SIGINT are chained:
the engine begins to drain, which ends those requests, and the server's own handler runs as before. A second
signal releases and leaves now.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from asyncendpoints.engine import Engine

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class SignalChain:
    """The installed signal handlers, with the engine in front of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._seen = 0

    def install(self) -> None:
        """Chain the handlers of this process: only the main thread may, and only where there are any."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            # Where nobody handles a signal, its default stays: chaining it would keep the process alive.
            if callable(previous):
                self._previous[number] = previous
                signal.signal(number, self._heard)

    def restore(self) -> None:
        """Put the handlers back, except where somebody has replaced them since."""
        for number, previous in [*self._previous.items()]:
            if signal.getsignal(number) == self._heard:
                signal.signal(number, previous)
                del self._previous[number]

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        act = self._engine.begin_drain if self._seen == 1 else self._engine.release_now
        # The loop may be closed already when the process is on its way out.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(act)
        previous = self._previous.get(number)
        if previous is not None:
            previous(number, frame)
