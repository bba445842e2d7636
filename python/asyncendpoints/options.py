"""The types of the public API: what `AsyncEndpoints`, `endpoint`, `route` and `handler` take, and what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from asyncendpoints.policy import Retention, Retry


class PolicyOptions(TypedDict, total=False):
    """The policy of an endpoint or handler; `Policy` says what each means."""

    queue: str
    priority: int
    retry: Retry | None
    timeout: float
    retention: float | Retention | None
    require_idempotency_key: bool
    before_enqueue: Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]] | None
    max_body_bytes: int
    exposed: bool
    keep_headers: tuple[str, ...]


class SettingOptions(TypedDict, total=False):
    """The settings of an application; `Settings` says what each means."""

    owner: Callable[[Any], str | Awaitable[str | None] | None] | None
    namespace: str
    jobs_path: str
    status_path: str
    concurrency: int
    threads: int
    max_queued: int | None
    shutdown_grace: float
    lease_for: float
    max_stall: float | None
    max_wait: float
    idempotency_headers: tuple[str, ...]
    idempotency_query: str | None
    worker: bool
    queues: tuple[str, ...] | Mapping[str, int] | None
    expose_errors: bool
    expose_tracebacks: bool
    max_result_bytes: int
    max_json_depth: int


class EndpointFunction(Protocol):
    """What `endpoint` makes of a handler: the function to decorate with a FastAPI route."""

    handler: Callable[..., Any]
    """The function that was decorated."""
    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Accept a request, as FastAPI calls it."""
        ...
