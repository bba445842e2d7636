"""Progress of one run: written at once when it is news, joined when it comes thick and fast, never lost at the end."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints.calls import refuse_on_loop
from asyncendpoints.errors import ResultNotSerializable, StaleLease, StoreUnavailable
from asyncendpoints.observability.logging import about, log_safely
from asyncendpoints.payload import ResultType
from asyncendpoints.timing import Backoff

if TYPE_CHECKING:
    from asyncendpoints._core import Claim
    from asyncendpoints.clock import Clock, Timer
    from asyncendpoints.stores.base import Store

INTERVAL: Final = 0.1
"""Seconds from one write of a run to the next: clients see progress within twice that."""
LIMIT: Final = 65_536
"""How many bytes of encoded progress are stored."""

_data_type: Final = ResultType()
_encode: Final = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


def encode_progress(percent: float | None, message: str | None, data: Any) -> bytes:
    """Return the bytes to store.

    Raises:
        ValueError: A value is out of its bounds, or cannot be written as JSON.
    """
    if percent is not None and not _is_percentage(percent):
        raise ValueError(f"percent must be a number from 0 to 100, or None, not {percent!r}")
    if message is not None and not _is_text(message):
        raise ValueError(f"message must be text, or None, not {message!r}")
    try:
        encoded = _data_type.encode(data)
        body = _encode({"percent": percent, "message": message, "data": msgspec.Raw(encoded or b"null")})
    except (ResultNotSerializable, TypeError, RecursionError, ValueError) as error:
        raise ValueError(f"progress must be JSON: {error}") from error
    if len(body) > LIMIT:
        raise ValueError(f"progress must be at most {LIMIT} bytes of JSON, not {len(body)}")
    return body


def _is_percentage(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


class Progress:
    """Writes the progress of one run; everything but `report_from_thread` belongs to the event loop.

    Args:
        claim: The run.
        store: Where it is written.
        clock: Times the joining.
        loop: The worker's, whatever thread asks first.
    """

    __slots__ = ("_backoff", "_claim", "_clock", "_loop", "_pending", "_stale", "_store", "_timer", "_writing")

    def __init__(self, claim: Claim, store: Store, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._claim = claim
        self._store = store
        self._clock = clock
        self._loop = loop
        self._backoff = Backoff(INTERVAL)
        self._pending: bytes | None = None
        self._timer: Timer | None = None
        self._writing: asyncio.Task[None] | None = None
        self._stale = False

    async def report(self, percent: float | None, message: str | None, data: Any) -> None:
        """Write this progress now, or join it with what follows within the interval.

        A store that does not answer is logged and asked again; the handler goes on meanwhile.

        Raises:
            ValueError: A value is out of its bounds, or cannot be written as JSON.
            StaleLease: The run no longer owns its job.
        """
        body = encode_progress(percent, message, data)
        self._check()
        self._pending = body
        writing = self._tick()
        if writing is not None:
            # Not awaited itself, so that it goes on where the handler is cancelled.
            await asyncio.wait({writing})
            self._check()
        else:
            # A handler that only computes and reports must still let others run, and hear of its cancellation.
            await asyncio.sleep(0)

    def report_from_thread(self, percent: float | None, message: str | None, data: Any) -> None:
        """Hand this progress to the event loop.

        Raises:
            ValueError: A value is out of its bounds, or cannot be written as JSON.
            StaleLease: The run no longer owns its job.
            RuntimeError: The calling thread is the event loop's own.
        """
        refuse_on_loop(self._loop, "job.progress(…)")
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
        """Write what is still to be written: the handler has ended. A stale run has nothing to say any more.

        The store is asked once.
        """
        while self._writing is not None:
            await asyncio.wait({self._writing})
        self._end_timer()
        if (writing := self._begin()) is not None:
            await asyncio.wait({writing})
        self._end_timer()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _about(self) -> dict[str, Any]:
        return about(self._claim)

    def _check(self) -> None:
        if self._stale:
            raise StaleLease(f"job {self._claim.job_id} is no longer this run's; its progress was not stored")

    def _due(self) -> None:
        self._timer = None
        self._tick()

    def _tick(self) -> asyncio.Task[None] | None:
        return None if self._timer is not None or self._writing is not None else self._begin()

    def _begin(self) -> asyncio.Task[None] | None:
        # The one way to the store: one write at a time, so that progress never goes back.
        body, self._pending = self._pending, None
        if body is None or self._stale:
            return None
        self._timer = self._clock.call_later(INTERVAL, self._due)
        # An empty context: the handler's holds the run, and that this task.
        self._writing = self._loop.create_task(self._write(body), context=Context())
        return self._writing

    async def _write(self, body: bytes) -> None:
        claim = self._claim
        try:
            written = await self._store.progress(claim.job_id, claim.fence, body, now=self._clock.store_now())
            self._stale = not written
            self._backoff.reset()
        except StoreUnavailable as error:
            log_safely(_log, logging.WARNING, "progress could not be stored: %s", error, extra=self._about())
            self._try_again(body)
        except Exception:  # a store's defect must not end the run
            log_safely(_log, logging.ERROR, "storing progress failed", exc_info=True, extra=self._about())
            self._try_again(body)
        finally:
            self._writing = None
        # The interval may have passed meanwhile.
        self._tick()

    def _try_again(self, body: bytes) -> None:
        if self._pending is None:
            self._pending = body
        self._end_timer()
        self._timer = self._clock.call_later(self._backoff.pause(), self._due)
