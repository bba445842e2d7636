"""The settings of `AsyncEndpoints`: every value is checked when it is given, so a mistake shows at import.

All durations are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.policy import NAME, milliseconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    OwnerOf: TypeAlias = Callable[[Request], "str | Awaitable[str | None] | None"]

MEBIBYTE: Final = 1_048_576
MAX_WEIGHT: Final = 1_000
"""The largest weight of a queue."""
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PATH: Final = re.compile(r"/|(?:/[A-Za-z0-9._~-]+)+/?")
_JOB_ID: Final = "{job_id}"
_TAKEN: Final = frozenset({"/{job_id}/result", "/{job_id}/events", "/{job_id}/cancel"})
_PARAMETER: Final = re.compile(r"[A-Za-z0-9_.~-]+")


def _fail(name: str, value: object, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{name} must be {remedy}, not {value!r}")


def _whole(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _fail(name, value, f"a whole number from {least} to {most}")


def _path(name: str, value: Any, example: str) -> None:
    """Check a path that stands in routes and in URLs alike: nothing in it may need an escape, or vanish."""
    if (
        not isinstance(value, str)
        or not _PATH.fullmatch(value.replace(_JOB_ID, "x") if name == "status_path" else value)
        or not {".", ".."}.isdisjoint(value.split("/"))
    ):
        raise _fail(
            name,
            value,
            f"a path such as {example!r}: a slash, then names of ASCII letters, digits and -._~, with one slash "
            "between two of them",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `AsyncEndpoints` lets its user choose.

    Args:
        owner: Maps a request to its owner, or None; another owner's job is not found. An empty owner is none.
        namespace: Separates applications that share one store.
        jobs_path: The prefix of the job routes; of ASCII letters, digits, `-._~` and slashes.
        status_path: The path of one job below `jobs_path`, of the same characters and one `{job_id}`.
        concurrency: How many jobs a worker runs at once.
        threads: How many plain functions run at once, in threads.
        max_queued: How many jobs may wait in one queue; None is without bound.
        shutdown_grace: Seconds that running handlers get to end at a shutdown.
        lease_for: Seconds after which an unrenewed run counts as lost.
        max_stall: Seconds after which a blocked event loop counts as lost; None is ten leases.
        max_wait: The longest `Prefer: wait`, in seconds.
        idempotency_headers: The request headers that may carry the key.
        idempotency_query: The query parameter that may carry the key; None is none.
        worker: Whether the application's own process runs jobs.
        queues: The queues that the worker claims from, or each one's weight; None is every queue that a registered
            handler uses.
        expose_errors: Whether clients see the text of a handler's exception.
        expose_tracebacks: Whether clients see tracebacks.
        max_result_bytes: The limit of an encoded result.
        max_json_depth: How deeply a JSON body may nest.

    Raises:
        ConfigurationError: A value cannot work; the message names the setting and what it takes.
    """

    owner: OwnerOf | None = None
    namespace: str = "default"
    jobs_path: str = "/jobs"
    status_path: str = "/{job_id}"
    concurrency: int = 100
    threads: int = 40
    max_queued: int | None = None
    shutdown_grace: float = 25.0
    lease_for: float = 15.0
    max_stall: float | None = None
    max_wait: float = 30.0
    idempotency_headers: tuple[str, ...] = ("Idempotency-Key",)
    idempotency_query: str | None = None
    worker: bool = True
    queues: tuple[str, ...] | Mapping[str, int] | None = None
    expose_errors: bool = True
    expose_tracebacks: bool = False
    max_result_bytes: int = 8 * MEBIBYTE
    max_json_depth: int = 200

    def __post_init__(self) -> None:
        self._check_identity()
        self._check_numbers()
        self._check_idempotency()
        for name in ("worker", "expose_errors", "expose_tracebacks"):
            value: object = getattr(self, name)
            if not isinstance(value, bool):
                raise _fail(name, value, "True or False")

    @property
    def weights(self) -> Mapping[str, int] | None:
        """Each queue's weight, where queues have weights."""
        return self.queues if isinstance(self.queues, Mapping) else None

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds."""
        return milliseconds(self.lease_for, "lease_for")

    @property
    def max_stall_ms(self) -> int:
        """The longest stall in milliseconds; ten leases where none was chosen."""
        stall = 10 * self.lease_for if self.max_stall is None else self.max_stall
        return milliseconds(stall, "max_stall")

    def _check_identity(self) -> None:
        if self.owner is not None and not callable(self.owner):
            raise _fail("owner", self.owner, "a function of the request that returns a string or None")
        if not NAME.fullmatch(self.namespace):
            raise _fail("namespace", self.namespace, f"a name that matches {NAME.pattern}")
        _path("jobs_path", self.jobs_path, "/jobs")
        _path("status_path", self.status_path, "/{job_id}/status")
        if self.status_path.count(_JOB_ID) != 1:
            raise _fail("status_path", self.status_path, "a path with one {job_id} in it, such as '/{job_id}/status'")
        if self.status_path.rstrip("/") in _TAKEN:
            raise _fail("status_path", self.status_path, "another path than those of the result, events and cancel")
        if self.queues is not None:
            self._check_queues(self.queues)

    def _check_queues(self, queues: Any) -> None:
        if isinstance(queues, str) or not queues:
            raise _fail("queues", queues, "a tuple of at least one queue, or None for every handler's queue")
        names = tuple(queues)
        for queue in names:
            if not isinstance(queue, str) or not NAME.fullmatch(queue):
                raise _fail("queues", queue, f"names that match {NAME.pattern}")
        if len(set(names)) < len(names):
            raise _fail("queues", names, "different queues")
        if isinstance(queues, Mapping):
            weights = cast("Mapping[str, int]", queues)
            for queue, weight in weights.items():
                _whole(f"the weight of queue {queue!r} in queues", weight, 1, MAX_WEIGHT)
            object.__setattr__(self, "queues", MappingProxyType(dict(weights)))
        else:
            object.__setattr__(self, "queues", names)

    def _check_numbers(self) -> None:
        _whole("concurrency", self.concurrency, 1, 100_000)
        _whole("threads", self.threads, 1, 10_000)
        _whole("max_result_bytes", self.max_result_bytes, 1, 1024 * MEBIBYTE)
        _whole("max_json_depth", self.max_json_depth, 1, 400)
        if self.max_queued is not None:
            _whole("max_queued", self.max_queued, 1, 2**53)
        milliseconds(self.shutdown_grace, "shutdown_grace")
        milliseconds(self.max_wait, "max_wait")
        milliseconds(self.lease_for, "lease_for", minimum=0.1)
        if self.max_stall is not None and self.max_stall < self.lease_for:
            raise _fail("max_stall", self.max_stall, f"at least lease_for ({self.lease_for:g}), or None")
        milliseconds(self.max_stall or 0.0, "max_stall")

    def _check_idempotency(self) -> None:
        headers: Any = self.idempotency_headers
        if isinstance(headers, str) or not headers:
            raise _fail("idempotency_headers", headers, "a tuple of at least one header name")
        object.__setattr__(self, "idempotency_headers", tuple(headers))
        for header in headers:
            if not isinstance(header, str) or not _HEADER.fullmatch(header):
                raise _fail("idempotency_headers", header, "header names as RFC 9110 has them")
        query: Any = self.idempotency_query
        if query is not None and (not isinstance(query, str) or not _PARAMETER.fullmatch(query)):
            raise _fail("idempotency_query", query, "the name of a query parameter, or None")


def make_settings(**values: Any) -> Settings:
    """Make settings from keyword arguments.

    Raises:
        ConfigurationError: A name is not a setting, or a value cannot work.
    """
    unknown = sorted(set(values) - set(Settings.__dataclass_fields__))
    if unknown:
        known = ", ".join(sorted(Settings.__dataclass_fields__))
        raise ConfigurationError(f"{unknown[0]!r} is not a setting; the settings are {known}")
    return Settings(**values)
