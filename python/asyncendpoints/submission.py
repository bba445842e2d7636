"""From a draft to a stored job: fingerprints, scopes, and the one write that a submission is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from asyncendpoints import _core
from asyncendpoints.errors import (
    ConfigurationError,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    JobNotRedrivable,
    QueueFull,
)
from asyncendpoints.job import NewJob
from asyncendpoints.policy import NAME, milliseconds
from asyncendpoints.request import StoredRequest, encode_request

if TYPE_CHECKING:
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job
    from asyncendpoints.registry import Handler
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store

KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
"""What an idempotency key may be, once unquoted."""


@dataclass(slots=True)
class Draft:
    """A submission that may still be changed: what a `before_enqueue` hook finds as `request.state.submission`."""

    handler: Handler
    payload: bytes | None
    """The body as it will be stored."""
    request: StoredRequest | None
    queue: str
    priority: int
    delay: float
    """Seconds to wait before the first attempt."""
    idempotency_key: str | None
    fingerprint: bytes | None
    """32 bytes that tell an honest retry from another submission; comes with a key."""
    owner: str | None
    redrive_of: str | None = None
    origin: str | None = None

    @classmethod
    def of(
        cls,
        handler: Handler,
        *,
        payload: bytes | None = None,
        request: StoredRequest | None = None,
        delay: float = 0.0,
        idempotency_key: str | None = None,
        fingerprint: bytes | None = None,
        owner: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
    ) -> Draft:
        """Make a draft whose queue and priority are the policy's, where they are not given."""
        policy = handler.policy
        return cls(
            handler,
            payload,
            request,
            policy.queue if queue is None else queue,
            policy.priority if priority is None else priority,
            delay,
            idempotency_key,
            fingerprint,
            owner,
        )

    def new_job(self, *, now: int | None = None) -> NewJob:
        """Return the job to store, with an id of its own.

        Args:
            now: UTC milliseconds for the id; None is the system's clock.

        Raises:
            ConfigurationError: Queue, priority or delay are out of their bounds.
            IdempotencyKeyInvalid: The key is not what a key may be.
        """
        handler = self.handler
        key = self.idempotency_key
        scope: str | None = None
        fingerprint: bytes | None = None
        if key is not None:
            if not KEY.fullmatch(key):
                raise IdempotencyKeyInvalid("an idempotency key must be 1 to 255 visible ASCII characters")
            scope = scope_of(handler.name, self.owner)
            fingerprint = self.fingerprint or fingerprint_of(handler.name.encode(), self.payload or b"")
        if not NAME.fullmatch(self.queue):
            raise ConfigurationError(f"queue must match {NAME.pattern}, not {self.queue!r}")
        if isinstance(self.priority, bool) or not -100 <= self.priority <= 100:
            raise ConfigurationError(f"priority must be from -100 to 100, not {self.priority!r}")
        return NewJob(
            job_id=_core.new_job_id(now=now),
            handler=handler.name,
            queue=self.queue,
            priority=self.priority,
            delay_ms=milliseconds(self.delay, "delay") if self.delay else 0,
            max_attempts=handler.max_attempts,
            timeout_ms=handler.timeout_ms,
            retention_completed_ms=handler.retention_completed_ms,
            retention_failed_ms=handler.retention_failed_ms,
            scope=scope,
            key=key,
            fingerprint=fingerprint,
            owner=self.owner,
            request=None if self.request is None else encode_request(self.request),
            payload=self.payload,
            redrive_of=self.redrive_of,
            origin=self.origin,
        )


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submission came to."""

    job: Job
    """The stored job; with a key that had been seen, the earlier one in its present state."""
    replayed: bool
    """Whether the key had been seen."""


def fingerprint_of(*parts: bytes) -> bytes:
    """Digest parts so that no two different sequences of parts look alike: each one's length goes first."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def fingerprint(method: str, path: str, query: str, body: bytes) -> bytes:
    """Digest what a request asks for.

    Args:
        method: The request's method.
        path: The full path as sent.
        query: The raw query string without the idempotency key's parameter.
        body: The body's bytes as sent; for forms, a digest of their fields and files.

    Returns:
        32 bytes.
    """
    return fingerprint_of(
        method.encode(), path.encode("utf-8", "surrogateescape"), query.encode("utf-8", "surrogateescape"), body
    )


def scope_of(handler: str, owner: str | None) -> str:
    """Return within what an idempotency key names one submission: a handler, and an owner where there is one."""
    # A handler's name is printable, so the first line feed ends it whatever the owner is called.
    return handler if owner is None else f"{handler}\n{owner}"


async def submit(draft: Draft, *, store: Store, settings: Settings, clock: Clock) -> Submission:
    """Store the draft's job, or find the earlier one of its key.

    Raises:
        IdempotencyKeyReused: The key was used for a different submission.
        QueueFull: `max_queued` is reached.
        StoreUnavailable: The store does not answer.
    """
    now = clock.store_now()
    (answer,) = await store.enqueue((draft.new_job(now=now),), max_queued=settings.max_queued, now=now)
    if answer.job is not None:
        return Submission(answer.job, answer.word == "replayed")
    if answer.word == "key_reused":
        raise IdempotencyKeyReused(draft.idempotency_key or "")
    raise QueueFull(draft.queue)


async def redrive(job: Job, *, store: Store, settings: Settings, clock: Clock) -> Job:
    """Store a new job that repeats a failed one as it was, without its key.

    Raises:
        JobNotRedrivable: It has not failed, or its payload is no longer kept.
        QueueFull: `max_queued` is reached.
        StoreUnavailable: The store does not answer.
    """
    if job.state != "failed" or job.stripped:
        raise JobNotRedrivable(job.job_id, job.state)
    now = clock.store_now()
    repeated = NewJob(
        job_id=_core.new_job_id(now=now),
        handler=job.handler,
        queue=job.queue,
        priority=job.priority,
        max_attempts=job.max_attempts,
        timeout_ms=job.timeout_ms,
        retention_completed_ms=job.retention_completed_ms,
        retention_failed_ms=job.retention_failed_ms,
        owner=job.owner,
        request=job.request,
        payload=job.payload,
        redrive_of=job.job_id,
        origin=job.origin or job.job_id,
    )
    (answer,) = await store.enqueue((repeated,), max_queued=settings.max_queued, now=now)
    if answer.job is None:
        raise QueueFull(job.queue)
    return answer.job
