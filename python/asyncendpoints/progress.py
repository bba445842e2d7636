"""Progress of one run: written at once when it is news, joined when it comes thick and fast, never lost at the end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints.errors import StaleLease, StoreUnavailable
from asyncendpoints.observability.logging import about

if TYPE_CHECKING:
    from asyncendpoints._core import Claim
    from asyncendpoints.clock import Clock, Timer
    from asyncendpoints.stores.base import Store

INTERVAL: Final = 0.1
"""Seconds between two writes of one run: clients see progress within twice that."""
LIMIT: Final = 65_536
"""How many bytes of encoded progress are stored."""

_encode: Final = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


def encode_progress(percent: float | None, message: str | None, data: Any) -> bytes:
    """Return the bytes to store.

    Raises:
        ValueError: A value is out of its bounds, or cannot be written as JSON.
    """
    if percent is not None and (isinstance(percent, bool) or not 0 <= percent <= 100):
        raise ValueError(f"percent must be from 0 to 100, or None, not {percent!r}")
    try:
        body = _encode({"percent": percent, "message": message, "data": data})
    except (TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"progress must be JSON: {error}") from error
    if len(body) > LIMIT:
        raise ValueError(f"progress must be at most {LIMIT} bytes of JSON, not {len(body)}")
    return body


class Progress:
    """Writes the progress of one run; everything but `report_from_thread` belongs to the event loop.

    Args:
        claim: The run.
        store: Where it is written.
        clock: Times the joining.
    """

    __slots__ = ("_claim", "_clock", "_loop", "_pending", "_stale", "_store", "_timer", "_writing")

    def __init__(self, claim: Claim, store: Store, clock: Clock) -> None:
        self._claim = claim
        self._store = store
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._pending: bytes | None = None
        self._timer: Timer | None = None
        self._writing: asyncio.Task[None] | None = None
        self._stale = False

    async def report(self, percent: float | None, message: str | None, data: Any) -> None:
        """Write this progress now, or join it with what follows within the interval.

        Raises:
            ValueError: A value is out of its bounds, or cannot be written as JSON.
            StaleLease: The run no longer owns its job.
            StoreUnavailable: The store does not answer; the progress is kept for the next write.
        """
        body = encode_progress(percent, message, data)
        self._check()
        self._pending = body
        if self._timer is not None or self._writing is not None:
            return
        self._arm()
        await self._write()
        self._check()
        # A handler that only computes and reports must still let others run, and hear of its cancellation.
        await asyncio.sleep(0)

    def report_from_thread(self, percent: float | None, message: str | None, data: Any) -> None:
        """Hand this progress to the event loop.

        Raises:
            ValueError: A value is out of its bounds, or cannot be written as JSON.
            StaleLease: The run no longer owns its job.
        """
        body = encode_progress(percent, message, data)
        self._check()
        armed = self._pending is not None
        self._pending = body
        if not armed:
            # One call for all that is reported until the loop has written it.
            self._loop.call_soon_threadsafe(self._tick)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to write or being written, so that a flush would do nothing."""
        return self._pending is None and self._writing is None and self._timer is None

    async def flush(self) -> None:
        """Write what is still to be written: the handler has ended. A stale run has nothing to say any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        try:
            await self._write()
        except StoreUnavailable as error:
            _log.warning("the last progress could not be stored: %s", error, extra=self._about())

    def _about(self) -> dict[str, Any]:
        return about(self._claim.job_id, self._claim.request_id)

    def _check(self) -> None:
        if self._stale:
            raise StaleLease(f"job {self._claim.job_id} is no longer this run's; its progress was not stored")

    def _arm(self) -> None:
        self._timer = self._clock.call_later(INTERVAL, self._due)

    def _due(self) -> None:
        self._timer = None
        self._tick()

    def _tick(self) -> None:
        if self._pending is None or self._timer is not None or self._writing is not None:
            return
        self._arm()
        self._writing = self._loop.create_task(self._write_behind())

    async def _write_behind(self) -> None:
        try:
            await self._write()
        except StoreUnavailable as error:
            _log.warning("progress could not be stored yet: %s", error, extra=self._about())
        finally:
            self._writing = None

    async def _write(self) -> None:
        body, self._pending = self._pending, None
        if body is None or self._stale:
            return
        try:
            claim = self._claim
            written = await self._store.progress(claim.job_id, claim.fence, body, now=self._clock.store_now())
        except StoreUnavailable:
            if self._pending is None:
                self._pending = body
            raise
        self._stale = not written
