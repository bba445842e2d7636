"""Between one event loop and the I/O thread: futures by number, and one wake-up for a whole batch of answers.

Calls of one turn of the loop are sent together at its end; answers that came together are set together.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.wakes import Listeners, Waiters

if TYPE_CHECKING:
    from asyncendpoints._core import RedisTransport

PATIENCE: Final = 2.0
"""Seconds that the I/O thread gets to end."""

_log = logging.getLogger(__name__)


class Bridge:
    """What one event loop has under way.

    Args:
        transport: Leads to the I/O thread.
        loop: The running loop; the bridge's methods are for its thread.
    """

    __slots__ = (
        "_futures",
        "_heard",
        "_is_closed",
        "_is_flush_planned",
        "_transport",
        "listeners",
        "loop",
        "mailbox",
        "waiters",
    )

    def __init__(self, transport: RedisTransport, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.mailbox = transport.mailbox()
        self.listeners = Listeners()
        self.waiters = Waiters()
        self._transport = transport
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._is_flush_planned = False
        self._is_closed = False
        self._heard: asyncio.Future[Any] | None = None
        loop.add_reader(self.mailbox.fd, self._drain)

    def call(self, number: int) -> asyncio.Future[Any]:
        """Return the future of the call with this number, which goes out at the end of the loop's turn.

        Raises:
            StoreUnavailable: The bridge is closed, and nobody would bring the answer.
        """
        if self._is_closed:
            raise _closed()
        future = self.loop.create_future()
        self._futures[number] = future
        if not self._is_flush_planned:
            self.send()
        return future

    def send(self) -> None:
        """Send what was called, at the end of the loop's turn: the calls for whose answers nobody waits, too."""
        self._is_flush_planned = True
        self.loop.call_soon(self._flush)

    @property
    def is_closed(self) -> bool:
        """Whether the store was closed, even where it has been opened again since."""
        return self._is_closed

    async def hear_changes(self) -> None:
        """Return once changes of watched jobs are heard.

        Raises:
            StoreUnavailable: They cannot be.
        """
        heard = self._heard
        if heard is None or (heard.done() and heard.exception() is not None):
            self._heard = heard = self.call(self._transport.listen_for_changes(self.mailbox))
            heard.add_done_callback(_seen)
        if not heard.done():
            await asyncio.shield(heard)

    def _flush(self) -> None:
        self._is_flush_planned = False
        self._transport.flush()

    def _drain(self) -> None:
        answers, failures, notices = self.mailbox.take()
        pop = self._futures.pop
        for number, answer in answers:
            future = pop(number, None)
            # Whoever gave up waiting is not told.
            if future is not None and not future.done():
                future.set_result(answer)
        for number, error in failures:
            future = pop(number, None)
            if future is not None and not future.done():
                future.set_exception(error)
        for notice in notices:
            self._tell(*notice)

    def _tell(self, word: str, about: str = "", job_id: str = "", fence: int = 0) -> None:
        if word == "ready":
            self.listeners.wake((about,))
        elif word == "changed":
            self.waiters.wake((about,))
        elif word == "cancel":
            self.listeners.cancel(((about, job_id, fence),))
        elif word == "unheard":
            _log.warning("Redis tells nothing of new work and changes, so they are looked for: %s", about)
        else:
            # Anything may have happened that nobody was told of: everybody looks again.
            self.listeners.wake_all()
            self.waiters.wake_all()

    async def end_transport(self) -> None:
        """End the transport, and wait a little until its tasks have."""
        ended = self.call(self._transport.close(self.mailbox))
        await asyncio.wait({ended}, timeout=PATIENCE)

    def close(self) -> None:
        """Let those who wait go, and watch the mailbox no more. Idempotent; from any thread."""
        if self._is_closed:
            return
        self._is_closed = True
        self.waiters.wake_all()
        if self.loop.is_closed():
            return
        if asyncio.get_running_loop() is self.loop:
            self._unwatch()
        else:
            self.loop.call_soon_threadsafe(self._unwatch)

    def _unwatch(self) -> None:
        # What has arrived by now is still told; nothing else will be.
        self._drain()
        self.loop.remove_reader(self.mailbox.fd)
        futures, self._futures = self._futures, {}
        for future in futures.values():
            if not future.done():
                future.set_exception(_closed())


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the Redis store is closed")


def _seen(heard: asyncio.Future[Any]) -> None:
    # Its failure is told to those who wait for it, of whom there may be none any more.
    if not heard.cancelled():
        heard.exception()
