"""One run, from a claim to an outcome: resolve the handler, give it its arguments, call it, say how it ended.

Every step is total: whatever user code does, short of ending the process, there is an outcome.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints.calls import call_in_thread
from asyncendpoints.context import JobContext, current_job
from asyncendpoints.effects import Effects
from asyncendpoints.errors import AsyncEndpointsError, JobError, ResultNotSerializable, StaleLease
from asyncendpoints.failures import (
    RELEASED,
    STOPPED,
    UNDESCRIBED,
    Outcome,
    handler_unknown,
    raised,
    timed_out,
    unreadable,
)
from asyncendpoints.job_log import log_raised
from asyncendpoints.progress import Progress
from asyncendpoints.result import Result, presentation

if TYPE_CHECKING:
    from threading import Lock

    from asyncendpoints._core import Claim
    from asyncendpoints.clock import Clock
    from asyncendpoints.registry import ArgumentSource, Handler
    from asyncendpoints.request import StoredRequest
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.threads import Threads

NOTHING: Final = Outcome("returned")
"""The outcome of a handler that returned None."""


_flushing: Final[set[asyncio.Task[None]]] = set()
"""Last progress on its way: the loop itself holds its tasks only weakly."""


class Stop(Enum):
    """Why a handler was asked to end."""

    CANCEL = "cancel"
    TIMEOUT = "timeout"
    RELEASE = "release"


class _UnreadableError(Exception):
    """A stored part of the job cannot be read; its cause says why."""


class Services:
    """What all runs of one worker share.

    Args:
        store: Where progress and effects go.
        clock: Where time comes from.
        settings: Limits, and what errors show.
        threads: Where plain functions run.
    """

    __slots__ = ("clock", "loop", "settings", "store", "threads")

    def __init__(self, store: Store, clock: Clock, settings: Settings, threads: Threads) -> None:
        self.store = store
        self.clock = clock
        self.settings = settings
        self.threads = threads
        self.loop = asyncio.get_running_loop()


class Run:
    """One claimed job in this worker; what its handler's context asks for happens here.

    Args:
        claim: What was claimed.
        key: The job's id and the run's fence.
        handler: Whose job it is; None where this process has no handler of that name.
        deadline: When it is past its timeout, in the clock's monotonic seconds.
        services: What all runs share.
    """

    # Most runs never change these, and every claimed job makes a run: the class holds what they begin with.
    task: asyncio.Task[None] | None = None
    begun: float | None = None
    """When its handler was begun, in the clock's monotonic seconds."""
    ended: float | None = None
    """When its settlement was handed over."""
    settled = False
    """Whether its settlement has been handed over, although the handler may go on."""
    stop: Stop | None = None
    ticket: Lock | None = None
    """While a plain function waits for a thread or runs: who locks it may begin it, or give it up."""
    progress_writer: Progress | None = None
    raised: type[BaseException] | None = None
    """What its handler raised, where its job's readers may know."""
    _effects: Effects | None = None

    def __init__(
        self, claim: Claim, key: tuple[str, int], handler: Handler | None, deadline: float, services: Services
    ) -> None:
        self.claim = claim
        self.key = key
        self.handler = handler
        self.deadline = deadline
        self.next_check = deadline
        """When the worker looks after it next."""
        self.services = services

    @property
    def duration(self) -> float | None:
        """For how many seconds its handler ran, once it has ended; None where it was never begun."""
        return None if self.begun is None or self.ended is None else self.ended - self.begun

    @property
    def cancel_requested(self) -> bool:
        """Whether the handler was asked to end."""
        return self.stop is not None

    @property
    def is_late(self) -> bool:
        """Whether the handler was told to end because of its timeout: nothing that it does afterwards counts."""
        return self.stop is Stop.TIMEOUT

    @property
    def in_thread(self) -> bool:
        """Whether a plain function is running, which nothing can interrupt."""
        return self.ticket is not None and self.ticket.locked()

    @property
    def waits_for_thread(self) -> bool:
        """Whether a plain function has not begun, because no thread is free."""
        return self.ticket is not None and not self.ticket.locked()

    def ask_to_stop(self, why: Stop) -> None:
        """Cancel an asynchronous handler or a call that has not begun, or raise a plain function's flag."""
        self.stop = why
        self.withdraw()
        # A task that has not started would end without its coroutine ever running; `execute` looks at `stop` first.
        if self.begun is not None and self.ticket is None and self.task is not None:
            self.task.cancel()

    def withdraw(self) -> bool:
        """Keep a plain function that waits for a thread from ever beginning; return whether there was one."""
        if self.ticket is None or not self.ticket.acquire(blocking=False):
            return False
        self.ticket = None
        return True

    @property
    def progress(self) -> Progress:
        """Writes the run's progress."""
        if self.progress_writer is None:
            self.progress_writer = Progress(self.claim, self.services.store, self.services.clock, self.services.loop)
        return self.progress_writer

    @property
    def effects(self) -> Effects:
        """Runs its side effects at most once."""
        if self._effects is None:
            self._effects = Effects(self.claim, self.services.store, self.services.clock, self.services.loop)
        return self._effects


async def execute(run: Run) -> Outcome:
    """Run the handler of a claimed job and return how that ended; nothing that user code raises comes out."""
    handler = run.handler
    if handler is None:
        return handler_unknown(run.claim.handler)
    context: JobContext[Any] = JobContext(run.claim, handler.payload, run)
    current_job.set(context)
    try:
        if run.stop is not None:
            raise asyncio.CancelledError
        positional = _positional(run, context) if handler.takes_context else ()
        if handler.arguments is not None:
            value = await _call_with_arguments(run, handler, handler.arguments, context)
        elif handler.is_async:
            value = await handler.function(*positional)
        else:
            value = await call_in_thread(run, partial(handler.function, *positional))
        outcome = NOTHING if value is None else _returned(run, handler, value)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: one handler's end is not the worker's
        outcome = _failed(run, error)
        if isinstance(error, GeneratorExit):
            # A coroutine that is being closed cannot wait for anything.
            return outcome
    if run.stop is not None and run.is_late:
        outcome = timed_out(run.claim.timeout_ms)
    # How the run ended is decided here: what comes while its last progress is written changes nothing.
    if run.progress_writer is not None and not run.progress_writer.idle:
        await _write_last_progress(run, run.progress_writer)
    return outcome


async def _write_last_progress(run: Run, writer: Progress) -> None:
    # What goes wrong there is logged there.
    flushing = asyncio.get_running_loop().create_task(writer.flush())
    _flushing.add(flushing)
    flushing.add_done_callback(_flushing.discard)
    while not flushing.done():
        try:
            await asyncio.wait({flushing})
        except asyncio.CancelledError:
            # A client's cancel comes too late. Any other stop ends the wait, but not the write.
            if run.stop is not Stop.CANCEL:
                return


def _positional(run: Run, context: JobContext[Any]) -> tuple[Any, ...]:
    # What is stored must be readable before the handler begins.
    if run.claim.request is not None:
        _read_request(context)
    _ = context.payload
    return (context,)


async def _call_with_arguments(run: Run, handler: Handler, arguments: ArgumentSource, context: JobContext[Any]) -> Any:
    request = _read_request(context)
    async with AsyncExitStack() as stack:
        positional, named = await arguments.resolve(context, request, run.claim.payload, stack)
        if handler.is_async:
            value = await handler.function(*positional, **named)
        else:
            value = await call_in_thread(run, partial(handler.function, *positional, **named))
        if run.settled or run.is_late:
            # Another attempt may do the same work: what the dependencies hold, such as a transaction, must not stand.
            raise StaleLease(f"job {run.claim.job_id} is no longer this run's; its handler returned too late")
        return value


def _read_request(context: JobContext[Any]) -> StoredRequest:
    try:
        return context.request
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _UnreadableError("request") from error


def _returned(run: Run, handler: Handler, value: Any) -> Outcome:
    meta: bytes | None = None
    if isinstance(value, Result):
        body, meta = _presented(handler, value)
    else:
        body = handler.result.encode(value)
    limit = run.services.settings.max_result_bytes
    if body is not None and len(body) > limit:
        raise ResultNotSerializable(f"the result has {len(body)} bytes; max_result_bytes allows {limit}")
    return Outcome("returned", body, meta)


def _presented(handler: Handler, result: Result) -> tuple[bytes | None, bytes]:
    body = result.body
    media_type: str | None
    if isinstance(body, (bytes, bytearray)):
        encoded: bytes | None = bytes(body)
        media_type = "application/octet-stream"
    elif isinstance(body, str):
        try:
            encoded = body.encode()
        except UnicodeEncodeError as error:
            raise ResultNotSerializable(str(error)) from error
        media_type = "text/plain; charset=utf-8"
    else:
        encoded = handler.result.encode(body)
        media_type = None if encoded is None else "application/json"
    return encoded, presentation(result, media_type)


def _failed(run: Run, error: BaseException) -> Outcome:
    try:
        return _described(run, error)
    except BaseException:  # describing an error runs its code: properties, __str__, what JSON asks of its members
        return UNDESCRIBED


def _described(run: Run, error: BaseException) -> Outcome:
    if run.is_late and isinstance(error, asyncio.CancelledError):
        return timed_out(run.claim.timeout_ms)
    if run.stop is Stop.RELEASE:
        # Whatever a handler raises while it is being stopped, the run is given back, not charged.
        return RELEASED
    if run.stop is Stop.CANCEL and isinstance(error, asyncio.CancelledError):
        return STOPPED
    if isinstance(error, _UnreadableError):
        return unreadable(str(error), error.__cause__ or error)
    settings = run.services.settings
    if not isinstance(error, AsyncEndpointsError):
        # What was raised on purpose explains itself; everything else is somebody's defect and needs its traceback.
        log_raised(run, error)
    run.raised = type(error) if settings.expose_errors or isinstance(error, JobError) else None
    return raised(error, expose_errors=settings.expose_errors, expose_tracebacks=settings.expose_tracebacks)
