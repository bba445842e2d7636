"""Handlers by name: each function is looked at once, when it is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from asyncendpoints import _core
from asyncendpoints.errors import ConfigurationError, HandlerUnknown
from asyncendpoints.introspection import Signature, read_signature
from asyncendpoints.job import NewJob
from asyncendpoints.payload import PayloadType, ResultType
from asyncendpoints.policy import Policy, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack

    from asyncendpoints.context import JobContext
    from asyncendpoints.request import StoredRequest

LONGEST_NAME: Final = 128


class ArgumentSource(Protocol):
    """How a handler that does not take one `JobContext` gets its parameters, in the worker."""

    async def resolve(
        self,
        context: JobContext[Any],
        request: StoredRequest,
        payload: bytes | None,
        stack: AsyncExitStack,
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments for one run.

        What `stack` holds is closed when the handler has ended, with its exception if it raised one.

        Raises:
            ValidationFailed: The stored request does not fit the handler (any more); the job fails without a retry.
        """
        ...

    async def prepare(
        self,
        payload: Any = None,
        *,
        path_params: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> tuple[StoredRequest, bytes | None]:
        """Return what a request of the same content would store, for a script that submits without one.

        Args:
            payload: The body: bytes as they are, anything else as JSON.
            path_params: The path's parameters.
            query: The query's parameters; a list repeats one.
            headers: The headers.
            values: What request-time dependencies would have given the handler, by parameter name.

        Raises:
            ValidationFailed: It is not what the handler takes.
        """
        ...


class Handler:
    """A user's function with its policy and everything that is known of it beforehand.

    Args:
        name: What it is registered as: an endpoint's name in the job resource.
        function: The user's function.
        policy: How it is retried, how long it may take, how long its jobs are kept.
        arguments: How its parameters come about; None means that it takes one `JobContext`, or nothing.
        endpoint: Whether it stands behind an HTTP route.
        signature: What is known of the function already; None reads it.

    Raises:
        ConfigurationError: The function cannot be a handler; the message says why.
    """

    __slots__ = (
        "arguments",
        "backoff",
        "endpoint",
        "function",
        "is_async",
        "max_attempts",
        "name",
        "payload",
        "policy",
        "result",
        "retention_completed_ms",
        "retention_failed_ms",
        "takes_context",
        "template",
        "timeout_ms",
    )

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        policy: Policy,
        *,
        arguments: ArgumentSource | None = None,
        endpoint: bool = False,
        signature: Signature | None = None,
    ) -> None:
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise ConfigurationError(f"a handler's name must be 1 to {LONGEST_NAME} printable characters, not {name!r}")
        if signature is None:
            signature = read_signature(function, any_parameters=arguments is not None)
        self.name = name
        self.function = function
        self.policy = policy
        self.is_async = signature.is_async
        self.takes_context = signature.takes_context
        self.payload: PayloadType[Any] = PayloadType(signature.payload)
        self.result = ResultType(signature.result)
        self.arguments = arguments
        self.endpoint = endpoint
        self.backoff = policy.retry.backoff.compile()
        self.max_attempts = policy.retry.max_attempts
        self.timeout_ms = milliseconds(policy.timeout, "timeout")
        self.retention_completed_ms = milliseconds(policy.retention.completed, "retention")
        self.retention_failed_ms = milliseconds(policy.retention.failed, "retention")
        self.template = NewJob(
            job_id=_core.new_job_id(),
            handler=name,
            queue=policy.queue,
            priority=policy.priority,
            max_attempts=self.max_attempts,
            timeout_ms=self.timeout_ms,
            retention_completed_ms=self.retention_completed_ms,
            retention_failed_ms=self.retention_failed_ms,
        )
        """What every job of this handler is made from; it is never stored itself."""

    def __repr__(self) -> str:
        return f"Handler({self.name!r})"


def _key_of(function: Callable[..., Any]) -> Any:
    # Equal bound methods are one function; an object without a hash, such as a dataclass, is only ever itself.
    try:
        hash(function)
    except TypeError:
        return id(function)
    return function


class Registry:
    """The handlers that this process knows."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.find: Callable[[str], Handler | None] = self._handlers.get
        """Return the handler of a name, or None: the dictionary's own method, because every claimed job asks."""
        self._names: dict[Any, str] = {}
        self._watchers: list[Callable[[], None]] = []

    def add(self, handler: Handler) -> None:
        """Register a handler.

        Raises:
            ConfigurationError: Another handler has this name.
        """
        if handler.name in self._handlers:
            raise ConfigurationError(
                f"a handler named {handler.name!r} is already registered; give one of them another name with name=…"
            )
        key = _key_of(handler.function)
        self._handlers[handler.name] = handler
        self._names.setdefault(key, handler.name)
        for tell in tuple(self._watchers):
            tell()

    def get(self, name: str) -> Handler:
        """Return the handler of this name.

        Raises:
            HandlerUnknown: There is none.
        """
        try:
            return self._handlers[name]
        except KeyError:
            raise HandlerUnknown(name) from None

    def of(self, function: Callable[..., Any]) -> Handler:
        """Return the handler that a function (or what a decorator made of it) was registered as.

        Raises:
            HandlerUnknown: It was never registered.
        """
        endpoint = getattr(function, "__asyncendpoint__", None)
        if endpoint is not None:
            return endpoint.handler
        name = self._names.get(_key_of(function))
        if name is None:
            raise HandlerUnknown(getattr(function, "__qualname__", repr(function)))
        return self._handlers[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names, in the order of registration."""
        return tuple(self._handlers)

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that the registered handlers use, sorted."""
        return tuple(sorted({handler.policy.queue for handler in self._handlers.values()}))

    def watch(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Call `tell` whenever a handler is added; return how to stop."""
        self._watchers.append(tell)

        def stop() -> None:
            if tell in self._watchers:
                self._watchers.remove(tell)

        return stop
