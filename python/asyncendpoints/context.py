"""What a running handler knows of its job, and what it may ask for."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, Protocol, TypeVar, cast

from asyncendpoints.request import StoredRequest, decode_request
from asyncendpoints.result import Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import TypeVar as TypeVarWithDefault

    from asyncendpoints._core import Claim
    from asyncendpoints.effects import Effects
    from asyncendpoints.payload import PayloadType
    from asyncendpoints.progress import Progress

    # A bare `JobContext` stands for any payload; at run time a plain type variable serves (typing has defaults
    # from Python 3.13 on).
    T = TypeVarWithDefault("T", default=Any)
else:
    T = TypeVar("T")
R = TypeVar("R")

__all__ = ["FromThread", "JobContext", "JobDepends", "Result", "current_job"]

_UNREAD: Final = object()


class JobDepends:
    """Marks a handler's parameter that is resolved in the worker, in an exit stack of its own.

    It may be a parameter's default value or stand in its `Annotated`. `app.dependency_overrides` is honoured.

    Args:
        dependency: The function, class, coroutine function or generator function to call; None with `Annotated`
            means the annotated class itself.
        use_cache: Whether the same dependency is called once for all parameters of a run.
    """

    __slots__ = ("dependency", "use_cache")

    def __init__(self, dependency: Callable[..., Any] | None = None, *, use_cache: bool = True) -> None:
        self.dependency = dependency
        self.use_cache = use_cache

    def __repr__(self) -> str:
        return f"JobDepends({getattr(self.dependency, '__name__', self.dependency)})"


class Effect(NamedTuple):
    """A side effect that is to happen at most once; see `JobContext.once`."""

    key: str
    function: Callable[[], Any]
    on_uncertain: Literal["fail", "retry"]
    release_on: tuple[type[BaseException], ...]


class RunServices(Protocol):
    """What a run offers to its context: implemented by the worker's run."""

    @property
    def deadline(self) -> float:
        """When the run is past its timeout, in the clock's monotonic seconds."""
        ...

    @property
    def cancel_requested(self) -> bool:
        """Whether the handler was asked to end."""
        ...

    @property
    def progress(self) -> Progress:
        """Writes the run's progress."""
        ...

    @property
    def effects(self) -> Effects:
        """Runs its side effects at most once."""
        ...


class FromThread:
    """The blocking twins of `progress` and `once`, for handlers that are plain functions."""

    __slots__ = ("_run",)

    def __init__(self, run: RunServices) -> None:
        self._run = run

    def progress(self, percent: float | None = None, message: str | None = None, data: Any = None) -> None:
        """Tell clients how far the job is; see `JobContext.progress`."""
        self._run.progress.report_from_thread(percent, message, data)

    def once(
        self,
        key: str,
        function: Callable[[], R],
        *,
        on_uncertain: Literal["fail", "retry"] = "fail",
        release_on: tuple[type[BaseException], ...] = (),
    ) -> R:
        """Run a plain function at most once over all attempts; see `JobContext.once`."""
        return self._run.effects.once_from_thread(Effect(key, function, on_uncertain, release_on))


class JobContext(Generic[T]):
    """The job that a handler works on. `JobContext[Model]` says what its payload is.

    A handler gets it as a parameter; nobody else makes one.
    """

    __slots__ = ("_claim", "_payload", "_payload_type", "_request", "_run")

    def __init__(self, claim: Claim, payload_type: PayloadType[T], run: RunServices) -> None:
        self._claim = claim
        self._payload_type = payload_type
        self._run = run
        self._payload: Any = _UNREAD
        self._request: Any = _UNREAD

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._claim.job_id

    @property
    def request_id(self) -> str | None:
        """The client's idempotency key, unquoted, or None; it is never made up."""
        return self._claim.request_id

    @property
    def handler(self) -> str:
        """The name of the handler, which an endpoint has in common with its jobs."""
        return self._claim.handler

    @property
    def queue(self) -> str:
        """The queue that the job came from."""
        return self._claim.queue

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._claim.attempt

    @property
    def max_attempts(self) -> int:
        """How many attempts there may be."""
        return self._claim.max_attempts

    @property
    def owner(self) -> str | None:
        """Whose job it is, where the application names owners."""
        return self._claim.owner

    @property
    def payload(self) -> T:
        """The payload as the handler's annotation has it, decoded at the first use.

        Raises:
            MalformedPayload: The stored payload is not JSON.
            ValidationFailed: It does not fit the annotation (any more); uncaught, either fails the job for good.
        """
        if self._payload is _UNREAD:
            self._payload = self._payload_type.decode(self._claim.payload)
        return cast("T", self._payload)

    @property
    def request(self) -> StoredRequest:
        """The request that submitted the job, without its body; one with empty members where a script did."""
        if self._request is _UNREAD:
            body = self._claim.request
            self._request = StoredRequest() if body is None else decode_request(body)
        return cast("StoredRequest", self._request)

    @property
    def deadline(self) -> float:
        """When this attempt times out, in seconds of `time.monotonic()`."""
        return self._run.deadline

    @property
    def cancel_requested(self) -> bool:
        """Whether the handler was asked to end: by a client's cancel, its timeout, or a shutdown."""
        return self._run.cancel_requested

    @property
    def from_thread(self) -> FromThread:
        """The blocking twins of `progress` and `once`, for plain functions."""
        return FromThread(self._run)

    async def progress(self, percent: float | None = None, message: str | None = None, data: Any = None) -> None:
        """Tell clients how far the job is; they see it within 0.2 s.

        Calls that follow each other closely are joined; the last one before the handler ends is never lost.

        Args:
            percent: 0 to 100, or None where that cannot be said.
            message: One line for people.
            data: Anything that JSON can hold, at most 64 KiB encoded.

        Raises:
            ValueError: A value is out of its bounds.
            StaleLease: The run no longer owns its job.
        """
        await self._run.progress.report(percent, message, data)

    async def once(
        self,
        key: str,
        function: Callable[[], Awaitable[R] | R],
        *,
        on_uncertain: Literal["fail", "retry"] = "fail",
        release_on: tuple[type[BaseException], ...] = (),
    ) -> R:
        """Run a side effect at most once over all attempts (EFF-1), and return its recorded value to later ones.

        The effect is reserved in the store, run, and its value recorded; a redriven job shares its effects with the
        job that it repeats. The value must be JSON and comes back as plain JSON, the first time too.

        Args:
            key: Names the effect within the job, 1 to 255 characters but NUL.
            function: Takes nothing. A coroutine function, or a plain function that does not block.
            on_uncertain: What to do where an earlier attempt began the effect and never recorded its end: `fail` the
                job, or `retry` the effect.
            release_on: Errors which say that the effect did not happen: they give the reservation back.

        Raises:
            EffectUncertain: An earlier attempt began the effect and never recorded its end; uncaught, it fails the job.
            ResultNotSerializable: The value is not JSON.
            StaleLease: The run no longer owns its job.
        """
        return await self._run.effects.once(Effect(key, function, on_uncertain, release_on))


current_job: ContextVar[JobContext[Any] | None] = ContextVar("asyncendpoints_current_job", default=None)
"""The job of the handler that runs in this context, or None."""
