"""What a coroutine costs the event loop's thread, however long it waits for others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


class Counted(Generic[T]):
    """Await a coroutine and count its processor time; what it starts as tasks is not counted.

    Args:
        work: The coroutine.
    """

    __slots__ = ("_work", "seconds")

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.seconds = 0.0
        """The processor time so far."""

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        send: Any = steps.send
        value: Any = None
        while True:
            begun = time.thread_time()
            try:
                awaited: Any = send(value)
            except StopIteration as end:
                return end.value
            finally:
                self.seconds += time.thread_time() - begun
            try:
                value = yield awaited
            except BaseException as error:  # a cancellation is the coroutine's to hear
                send, value = steps.throw, error
            else:
                send = steps.send
