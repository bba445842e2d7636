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
        on_signal: Called on the loop at every signal; told whether the engine has to end the process, because the
            signal's action was the default one; `act` does it.
    """

    def __init__(self, on_signal: Callable[[signal.Signals, bool], None]) -> None:
        self._on_signal = on_signal
        self._loop = asyncio.get_running_loop()
        self._links: dict[signal.Signals, _Link] = {}
        self.heard = False
        """Whether a signal has come."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            installed = signal.getsignal(number)
            if installed is None or installed is signal.SIG_IGN:
                # Not installed from Python, or ignored on purpose.
                continue
            link = _link_of(installed)
            if link is None or not link.lives:
                link = _Link(number, installed)
                signal.signal(number, link.handle)
            link.add(self)
            self._links[number] = link

    @property
    def lives(self) -> bool:
        """Whether there is a loop to tell."""
        return not self._loop.is_closed()

    def tell(self, number: signal.Signals, alone: bool) -> None:
        """Tell the engine: a signal has come."""
        self.heard = True
        self._loop.call_soon_threadsafe(self._on_signal, number, alone)

    def restore(self) -> None:
        """Listen no more, and put the previous handlers back where nobody else needs ours. Idempotent."""
        for link in self._links.values():
            link.remove(self)

    def act(self, number: signal.Signals) -> None:
        """Do what the signal would have done without a drain, unless other engines drain: the last one does it."""
        if not self._links[number].is_draining:
            signal.raise_signal(number)


class _Link:
    """One handler in the chain of a signal's handlers, which the engines share that start while it is on top.

    It stays in the chain as long as somebody else's handler, which may call it, sits on top of it; without engines it
    only hands the signal on.
    """

    def __init__(self, number: signal.Signals, previous: Any) -> None:
        self._number = number
        self._previous = previous
        self._generation = generation()
        self._listeners: tuple[ShutdownSignals, ...] = ()

    @property
    def lives(self) -> bool:
        """Whether it tells anybody. A forked child has inherited the handler, but not the engines behind it."""
        return self._generation == generation() and any(listener.lives for listener in self._listeners)

    @property
    def is_draining(self) -> bool:
        """Whether an engine has been told and has not ended yet."""
        return self.lives and any(listener.heard and listener.lives for listener in self._listeners)

    @property
    def previous(self) -> Any:
        """What the signal did before: the handler below, without those of ended engines."""
        link = _link_of(self._previous)
        return self._previous if link is None or link.lives else link.previous

    def add(self, listener: ShutdownSignals) -> None:
        """Tell this one too."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: ShutdownSignals) -> None:
        """Tell this one no more; the last one to go takes the handler out of the chain, where it is on top."""
        self._listeners = tuple(other for other in self._listeners if other is not listener)
        if not self.lives and signal.getsignal(self._number) == self.handle:
            signal.signal(self._number, self.previous)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take the signal."""
        previous = self.previous
        alone = previous is signal.SIG_DFL
        if self.lives:
            for listener in self._listeners:
                if listener.lives:
                    listener.tell(self._number, alone)
        elif alone:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if callable(previous):
            previous(number, frame)


def _link_of(handler: Any) -> _Link | None:
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, _Link) else None
