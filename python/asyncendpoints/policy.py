"""The policy of an endpoint or handler: how it is retried, how long it may take, how long its jobs are kept.

All durations are seconds. Values are checked when the policy is made, so a mistake shows at import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from asyncendpoints import _core
from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What namespaces and queues may be called."""

MAX_ATTEMPTS: Final = 100
LONGEST: Final = 10 * 365 * 86_400.0


def milliseconds(seconds: float, name: str, *, minimum: float = 0.0) -> int:
    """Turn a public duration into the integer milliseconds of the core.

    Raises:
        ConfigurationError: The duration is not a number from `minimum` to ten years.
    """
    if type(seconds) not in (int, float) or not minimum <= seconds <= LONGEST:
        raise ConfigurationError(f"{name} must be a number of seconds from {minimum:g} to {LONGEST:g}, not {seconds!r}")
    return round(seconds * 1000)


def checked_queue(queue: str) -> str:
    """Return the queue's name.

    Raises:
        ConfigurationError: It is not what a queue may be called.
    """
    # Annotations do not bind whoever writes a policy.
    if not isinstance(queue, str) or not NAME.fullmatch(queue):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"queue must match {NAME.pattern}, not {queue!r}")
    return queue


def checked_priority(priority: int) -> int:
    """Return the priority.

    Raises:
        ConfigurationError: It is not a whole number from -100 to 100.
    """
    if not _is_whole(priority) or not -100 <= priority <= 100:
        raise ConfigurationError(f"priority must be a whole number from -100 to 100, not {priority!r}")
    return priority


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Wait `base` seconds after the first failure, `factor` times longer after each further one, up to `maximum`.

    With `jitter` the wait is drawn evenly between zero and that bound ("full jitter", AWS Architecture Blog,
    "Exponential Backoff And Jitter", 2015), so that a crowd of failures does not come back as a crowd.
    """

    base: float = 1.0
    factor: float = 2.0
    maximum: float = 300.0
    jitter: bool = True

    def __post_init__(self) -> None:
        self.compile()

    def compile(self) -> _core.Backoff:
        """Return the core's form of this backoff."""
        if type(self.factor) not in (int, float) or not 1.0 <= self.factor <= 100.0:
            raise ConfigurationError(f"Exponential factor must be from 1 to 100, not {self.factor!r}")
        return _core.Backoff.exponential(
            milliseconds(self.base, "Exponential base"),
            float(self.factor),
            milliseconds(self.maximum, "Exponential maximum"),
            self.jitter,
        )


@dataclass(frozen=True, slots=True)
class Fixed:
    """Wait the same number of seconds before every retry."""

    seconds: float

    def __post_init__(self) -> None:
        self.compile()

    def compile(self) -> _core.Backoff:
        """Return the core's form of this backoff."""
        return _core.Backoff.fixed(milliseconds(self.seconds, "Fixed seconds"))


@dataclass(frozen=True, slots=True)
class Delays:
    """Wait an explicit list of seconds; retries beyond the list wait the last of them."""

    seconds: Sequence[float]

    def __post_init__(self) -> None:
        self.compile()

    def compile(self) -> _core.Backoff:
        """Return the core's form of this backoff."""
        if not self.seconds:
            raise ConfigurationError("Delays needs at least one delay")
        return _core.Backoff.delays([milliseconds(delay, "Delays") for delay in self.seconds])


Backoff: TypeAlias = Exponential | Fixed | Delays


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and how soon.

    Args:
        max_attempts: Charged attempts, 1 to 100; 1 means no retry.
        backoff: How long to wait between attempts.
    """

    max_attempts: int = 3
    backoff: Backoff = field(default_factory=Exponential)

    def __post_init__(self) -> None:
        if not _is_whole(self.max_attempts) or not 1 <= self.max_attempts <= MAX_ATTEMPTS:
            raise ConfigurationError(
                f"max_attempts must be a whole number from 1 to {MAX_ATTEMPTS}, not {self.max_attempts!r}"
            )
        if not isinstance(self.backoff, (Exponential, Fixed, Delays)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"backoff must be Exponential, Fixed or Delays, not {self.backoff!r}")


@dataclass(frozen=True, slots=True)
class Retention:
    """How many seconds payload and result are kept after the end, by the way a job ended."""

    completed: float = 86_400.0
    failed: float = 604_800.0

    def __post_init__(self) -> None:
        milliseconds(self.completed, "Retention completed")
        milliseconds(self.failed, "Retention failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that an endpoint or handler may choose; each member has a default that is safe in production.

    Args:
        queue: Where its jobs wait.
        priority: -100 to 100, higher first.
        retry: How often and how soon it is tried again.
        timeout: Seconds that one attempt may take.
        retention: How long payload and result are kept.
        require_idempotency_key: Refuse submissions without a key.
        before_enqueue: `async def hook(request, call_next)`, run after validation and before the write; it may answer
            by itself (nothing is stored) or change what follows (`request.state.submission`).
        max_body_bytes: The limit of a request's body, or of a script's encoded payload.
        exposed: Whether the generic producer `POST /jobs` may name it.
        keep_headers: Request headers to keep although they are dropped by default.
    """

    queue: str = "default"
    priority: int = 0
    retry: Retry = field(default_factory=Retry)
    timeout: float = 3600.0
    retention: Retention = field(default_factory=Retention)
    require_idempotency_key: bool = False
    before_enqueue: Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]] | None = None
    max_body_bytes: int = 1_048_576
    exposed: bool = False
    keep_headers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_queue(self.queue)
        checked_priority(self.priority)
        milliseconds(self.timeout, "timeout", minimum=0.001)
        if not _is_whole(self.max_body_bytes) or self.max_body_bytes < 0:
            raise ConfigurationError(f"max_body_bytes must be a whole number from 0, not {self.max_body_bytes!r}")


def make_policy(
    *,
    queue: str = "default",
    priority: int = 0,
    retry: Retry | None = None,
    timeout: float = 3600.0,
    retention: float | Retention | None = None,
    **rest: Any,
) -> Policy:
    """Make a policy from the arguments of `endpoint`, `route` and `handler`, where `retention` may be one number."""
    if retention is None:
        kept = Retention()
    elif isinstance(retention, Retention):
        kept = retention
    else:
        kept = Retention(completed=retention, failed=retention)
    return Policy(
        queue=queue,
        priority=priority,
        retry=retry or Retry(),
        timeout=timeout,
        retention=kept,
        **rest,
    )
