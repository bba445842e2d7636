"""How a thread gets from plain functions to a driver: directly, or over an event loop of the thread's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

T = TypeVar("T")


class Crossing(Protocol):
    """Runs what uses an engine. It belongs to one thread."""

    def run(self, do: Callable[[], T]) -> T:
        """Do it, and return what it returns or raise what it raises."""
        ...

    def close(self) -> None:
        """Let go of what it needed."""
        ...


class _Direct:
    """For drivers that block."""

    def run(self, do: Callable[[], T]) -> T:
        return do()

    def close(self) -> None:
        pass


class _Bridged:
    """For asynchronous drivers: their event loop runs in this thread, and only while something is done."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, do: Callable[[], T]) -> T:
        from sqlalchemy.util import greenlet_spawn

        return self._loop.run_until_complete(greenlet_spawn(do))

    def close(self) -> None:
        # What a driver has begun and not ended, such as the end of a connection.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


def crossing_to(engine: Engine) -> Crossing:
    """Return the way to the engine's driver, for the thread that calls."""
    return _Bridged() if engine.dialect.is_async else _Direct()
