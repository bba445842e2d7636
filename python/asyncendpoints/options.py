"""The keyword arguments of the public API, as types: what `AsyncEndpoints`, `endpoint`, `route` and `handler` take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

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
