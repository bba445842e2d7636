"""SIGTERM and SIGINT begin the drain at once (SHD-1), and then do what they did before.

Servers await open requests before they tell the lifespan, so a held wait or an open stream would delay the drain
until it is too late. The library therefore chains the handlers that it finds when it starts, and puts them back.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.forks import generation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class ShutdownSignals:
    """Tells the engine of shutdown signals; to be made on its event loop.

    Outside of the main thread, which is where signals arrive, nothing is chained: there the lifespan tells.

    Args:
        on_signal: Called on the loop at every signal; told whether it is the only one who acts on it, because the
            signal's action was the default one, which is to end the process.
    """

    def __init__(self, on_signal: Callable[[signal.Signals, bool], None]) -> None:
        self._on_signal = on_signal
        self._loop = asyncio.get_running_loop()
        self._generation = generation()
        self._previous: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            previous = signal.getsignal(number)
            if previous is None or previous is signal.SIG_IGN:
                # Not installed from Python, or ignored on purpose.
                continue
            self._previous[number] = previous
            signal.signal(number, self._handle)

    def restore(self) -> None:
        """Put the previous handlers back, where nobody has installed others since. Idempotent."""
        for number in tuple(self._previous):
            previous = self._previous.pop(number)
            if signal.getsignal(number) == self._handle:
                signal.signal(number, previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        signum = signal.Signals(number)
        previous = self._previous.get(signum, signal.SIG_DFL)
        # A forked child has inherited this handler, but not the engine that it belongs to.
        if self._generation == generation() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_signal, signum, previous is signal.SIG_DFL)
        elif previous is signal.SIG_DFL:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        if callable(previous):
            previous(number, frame)
