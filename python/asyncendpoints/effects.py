"""`once`: a side effect that is reserved in the store, run, and recorded, so that it runs at most once (EFF-1)."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import msgspec

from asyncendpoints.calls import refuse_on_loop
from asyncendpoints.errors import EffectUncertain, StaleLease, StoreUnavailable
from asyncendpoints.payload import ResultType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from asyncendpoints._core import Claim, Reservation
    from asyncendpoints.clock import Clock
    from asyncendpoints.context import Effect
    from asyncendpoints.stores.base import Store

R = TypeVar("R")

LONGEST_KEY: Final = 255
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
"""What no database takes in a text."""
_LONGEST_PAUSE: Final = 5.0

_held: Final[ContextVar[frozenset[asyncio.Lock]]] = ContextVar("asyncendpoints_effects", default=frozenset())
"""The turns of the effects within which a call is made."""
_ending: Final[set[asyncio.Task[Any]]] = set()
"""Writes on their way: the loop itself holds its tasks only weakly."""
_value_type: Final = ResultType()
_decode: Final = msgspec.json.Decoder().decode


class Effects:
    """The side effects of one run.

    Args:
        claim: The run.
        store: Where effects are reserved and recorded.
        clock: Gives the store its `now`.
        loop: The worker's, whatever thread asks first.
    """

    __slots__ = ("_claim", "_clock", "_loop", "_running", "_store")

    def __init__(self, claim: Claim, store: Store, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._claim = claim
        self._store = store
        self._clock = clock
        self._loop = loop
        self._running: dict[str, asyncio.Lock] = {}

    async def once(self, effect: Effect) -> Any:
        """Run the effect unless it has been run, on the event loop."""
        self._check(effect)
        nonce, value = await self._begin(effect)
        if nonce is None:
            return value
        try:
            with _inside(self._running[effect.key]):
                value = effect.function()
                if isawaitable(value):
                    value = await value
            body = _encode(value)
        except BaseException as error:
            await self._failed(effect, nonce, error)
            raise
        await self._record(effect, nonce, body)
        return _decode(body)

    def once_from_thread(self, effect: Effect) -> Any:
        """Run the effect unless it has been run, in the calling thread."""
        refuse_on_loop(self._loop, "job.once(…)")
        self._check(effect)
        nonce, value = self._on_loop(self._begin(effect))
        if nonce is None:
            return value
        try:
            with _inside(self._running[effect.key]):
                value = effect.function()
            body = _encode(value)
        except BaseException as error:
            self._on_loop(self._failed(effect, nonce, error))
            raise
        self._on_loop(self._record(effect, nonce, body))
        return _decode(body)

    def _on_loop(self, call: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def _check(self, effect: Effect) -> None:
        if not 1 <= len(effect.key) <= LONGEST_KEY:
            raise ValueError(f"the key of an effect must be 1 to {LONGEST_KEY} characters, not {len(effect.key)}")
        if _UNSTORABLE.search(effect.key):
            raise ValueError(f"the key of an effect must be without NUL characters and surrogates, not {effect.key!r}")
        if effect.on_uncertain not in {"fail", "retry"}:
            raise ValueError(f"on_uncertain must be 'fail' or 'retry', not {effect.on_uncertain!r}")
        turn = self._running.get(effect.key)
        if turn is not None and turn.locked() and turn in _held.get():
            raise RuntimeError(f"the effect {effect.key!r} calls once() with its own key, and would wait for itself")

    async def _begin(self, effect: Effect) -> tuple[str | None, Any]:
        """Wait for the key's turn and reserve: return a nonce, and keep the turn, or None and the recorded value.

        Calls of one run with one key take turns, from the loop and from threads: the second finds what the first
        recorded.
        """
        turn = self._running.setdefault(effect.key, asyncio.Lock())
        await turn.acquire()
        nonce = uuid4().hex
        value: Any = None
        known = True
        try:
            known, value = await self._reserve(effect, nonce)
        except asyncio.CancelledError:
            # Whether it is reserved is not known here; that nothing was begun is.
            await _to_the_end(self._write(effect.key, nonce, None))
            raise
        finally:
            if known:
                turn.release()
        return (None, value) if known else (nonce, None)

    async def _failed(self, effect: Effect, nonce: str, error: BaseException) -> None:
        if isinstance(error, effect.release_on):
            await self._record(effect, nonce, None)
        else:
            self._running[effect.key].release()

    async def _reserve(self, effect: Effect, nonce: str) -> tuple[bool, Any]:
        reservation = await self._ask(effect.key, nonce, takeover=False)
        if reservation.word == "uncertain":
            if effect.on_uncertain == "fail":
                raise EffectUncertain(effect.key)
            reservation = await self._ask(effect.key, nonce, takeover=True)
        if reservation.word == "recorded":
            return True, None if reservation.value is None else _decode(reservation.value)
        if reservation.word != "reserved":
            raise StaleLease(f"job {self._claim.job_id} is no longer this run's; {effect.key!r} was not run")
        return False, None

    async def _ask(self, key: str, nonce: str, *, takeover: bool) -> Reservation:
        claim = self._claim
        return await _answered(
            lambda: self._store.reserve(
                claim.job_id, claim.fence, key, nonce, takeover=takeover, now=self._clock.store_now()
            )
        )

    async def _record(self, effect: Effect, nonce: str, value: bytes | None) -> None:
        """Record the value, or give the reservation back where there is none, and end the key's turn."""
        try:
            recorded = await _to_the_end(self._write(effect.key, nonce, value))
        finally:
            self._running[effect.key].release()
        if not recorded:
            job_id = self._claim.job_id
            raise StaleLease(f"job {job_id} is no longer this run's; the end of {effect.key!r} was not recorded")

    async def _write(self, key: str, nonce: str, value: bytes | None) -> bool:
        claim = self._claim
        return await _answered(
            lambda: self._store.record(claim.job_id, claim.fence, key, nonce, value, now=self._clock.store_now())
        )


@contextmanager
def _inside(turn: asyncio.Lock) -> Generator[None]:
    """Know in this context, and in tasks that are made in it, that the effect of this turn is running."""
    token = _held.set(_held.get() | {turn})
    try:
        yield
    finally:
        _held.reset(token)


def _encode(value: Any) -> bytes:
    # A recorded None is JSON's null: no value at all would give the reservation back.
    return _value_type.encode(value) or b"null"


async def _to_the_end(call: Coroutine[Any, Any, R]) -> R:
    """Await what a cancel must not cut off, because another attempt would pay for it; the cancel then goes on.

    Whoever cannot wait cancels a second time; the call goes on all the same.
    """
    task = asyncio.get_running_loop().create_task(call)
    _ending.add(task)
    task.add_done_callback(_forget)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _forget(task: asyncio.Task[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        # Nobody asks any more where a cancel came first: how it ended is seen here.
        task.exception()


async def _answered(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Repeat a question until the store answers it: its nonce makes the repetition harmless (SUB-3).

    The handler's timeout and cancellation end it otherwise.
    """
    pause = 0.05
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            pause = min(2 * pause, _LONGEST_PAUSE)
