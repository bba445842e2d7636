"""From a draft to a stored job: fingerprints, scopes, and the one write that a submission is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from asyncendpoints import _core
from asyncendpoints.errors import (
    ConfigurationError,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    JobNotRedrivable,
    QueueFull,
)
from asyncendpoints.job import NewJob
from asyncendpoints.job_log import log_step
from asyncendpoints.observability import tracing
from asyncendpoints.policy import checked_priority, checked_queue, milliseconds
from asyncendpoints.request import StoredRequest, encode_request, with_trace

if TYPE_CHECKING:
    from asyncendpoints._core import Enqueued, Meters
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job
    from asyncendpoints.registry import Handler
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store

DIGESTED: Final = "blake2b:"
"""What an owner begins with that stands for one which no store takes."""

_LONGEST_OWNER: Final = 255
_ALL_BITS: Final = (1 << 128) - 1
_TIME_VERSION_VARIANT: Final = 0xFFFFFFFF_FFFF_F000_C000_000000000000
"""What two ids of one time have in common (UUIDv7)."""


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
            ConfigurationError: Queue, priority or delay are out of their bounds, or the owner is empty.
            IdempotencyKeyInvalid: The key is not what a key may be.
        """
        return new_job(
            self.handler,
            self.payload,
            None if self.request is None else encode_request(self.request),
            queue=self.queue,
            priority=self.priority,
            delay=self.delay,
            key=self.idempotency_key,
            fingerprint=self.fingerprint,
            owner=self.owner,
            now=now,
        )


@dataclass(slots=True)
class Submission:
    """What a submission came to."""

    job: Job
    """The stored job; with a key that had been seen, the earlier one in its present state."""
    replayed: bool
    """Whether the key had been seen."""


def new_job(
    handler: Handler,
    payload: bytes | None,
    stored: bytes | None,
    *,
    queue: str | None,
    priority: int | None,
    delay: float,
    key: str | None,
    fingerprint: bytes | None,
    owner: str | None,
    now: int | None,
) -> NewJob:
    """Return a job to store, with an id of its own; queue and priority are the policy's where they are None.

    The request is in its stored form.

    Raises:
        ConfigurationError: Queue, priority or delay are out of their bounds, or the owner is empty.
        IdempotencyKeyInvalid: The key is not what a key may be.
    """
    scope: str | None = None
    if owner is not None:
        owner = stored_owner(owner)
    if key is not None:
        if fingerprint is None:
            fingerprint = _core.fingerprint_of(handler.name.encode(), stored or b"", payload or b"")
        scope = scope_of(handler.name, owner)
        checked_key(key)
    # Members by position, and only where they are given: each argument by name costs as much as a lookup.
    place: dict[str, Any] = {}
    if queue is not None or priority is not None or delay:
        place = _place(queue, priority, delay)
    try:
        return handler.template.another(payload, stored, scope, key, fingerprint, owner, now, **place)
    except ValueError as error:
        # The core names the value that it refuses, such as an owner that is too long.
        raise ConfigurationError(str(error)) from error


def _place(queue: str | None, priority: int | None, delay: float) -> dict[str, Any]:
    place: dict[str, Any] = {"delay_ms": milliseconds(delay, "delay")}
    if queue is not None:
        place["queue"] = checked_queue(queue)
    if priority is not None:
        place["priority"] = checked_priority(priority)
    return place


def checked_key(key: str) -> str:
    """Return the idempotency key.

    Raises:
        IdempotencyKeyInvalid: It is not what a key may be.
    """
    if not _core.is_key(key):
        raise IdempotencyKeyInvalid("an idempotency key must be 1 to 255 visible ASCII characters")
    return key


def stored_owner(owner: str) -> str:
    """Return an owner as jobs have it: any text names one, however long, except the empty one.

    A store takes 1 to 255 characters of valid Unicode without NUL. Every other owner is known by its digest, so that
    the same text is the same owner when jobs are submitted, found by their keys, and read.
    """
    if len(owner) <= _LONGEST_OWNER and "\0" not in owner and (owner.isascii() or _is_unicode(owner)):
        return owner
    return owner_digest(owner)


def owner_digest(owner: str) -> str:
    """Return what an owner is known by whose own text is not stored."""
    return DIGESTED + hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def scope_of(handler: str, owner: str | None) -> str:
    """Return within what an idempotency key names one submission: a handler, and an owner where there is one."""
    # A handler's name is printable, so the first line feed ends it whatever the owner is called.
    return handler if owner is None else f"{handler}\n{owner}"


def traced(job: NewJob, trace: tuple[str, ...]) -> NewJob:
    """Return the same job with the trace context of its submission in its stored request.

    The fingerprint stays: whoever repeats a submission does so in a trace of his own.
    """
    if not trace:
        return job
    return NewJob(
        job_id=job.job_id,
        handler=job.handler,
        queue=job.queue,
        priority=job.priority,
        delay_ms=job.delay_ms,
        max_attempts=job.max_attempts,
        timeout_ms=job.timeout_ms,
        retention_completed_ms=job.retention_completed_ms,
        retention_failed_ms=job.retention_failed_ms,
        scope=job.scope,
        key=job.key,
        fingerprint=job.fingerprint,
        owner=job.owner,
        request=with_trace(job.request, trace),
        payload=job.payload,
        redrive_of=job.redrive_of,
        origin=job.origin,
    )


def accepted(job: NewJob, answer: Enqueued) -> Submission:
    """Return what a store's answer to a job makes of its submission.

    Raises:
        IdempotencyKeyReused: The key was used for a different submission.
        QueueFull: `max_queued` is reached.
    """
    stored = answer.job
    if stored is not None:
        replayed = answer.word == "replayed"
        log_step(stored, "was submitted again" if replayed else "was submitted")
        return Submission(stored, replayed)
    if answer.word == "key_reused":
        raise IdempotencyKeyReused(job.key or "")
    raise QueueFull(job.queue)


def repeat_id(job: Job) -> str:
    """Return the id of the job that repeats a failed one and is made once, however often and wherever it is asked for.

    Its time is the failed job's. The rest comes from what the job was given as well, so that who knows an id alone
    cannot tell the other.
    """
    failed = UUID(job.job_id)
    digest = hashlib.blake2b(job.payload or b"", key=failed.bytes, digest_size=16)
    digest.update(job.request or b"")
    digest.update(job.error or b"")
    bits = failed.int & _TIME_VERSION_VARIANT
    return str(UUID(int=bits | int.from_bytes(digest.digest()) & ~_TIME_VERSION_VARIANT & _ALL_BITS))


async def redrive(
    job: Job, *, store: Store, settings: Settings, clock: Clock, meters: Meters, once: bool = False
) -> Job:
    """Store a new job that repeats a failed one as it was, without its key; with `once` only one, by `repeat_id`.

    Raises:
        JobNotRedrivable: It has not failed, or its payload is no longer kept.
        QueueFull: `max_queued` is reached.
        StoreUnavailable: The store does not answer.
    """
    if job.state != "failed" or job.stripped:
        raise JobNotRedrivable(job.job_id, job.state)
    now = clock.store_now()
    repeated = NewJob(
        job_id=repeat_id(job) if once else _core.new_job_id(now=now),
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
    if not tracing.enabled():
        return await _repeat(job, repeated, now, store=store, settings=settings, meters=meters)
    with tracing.submission(job.handler, job.queue, repeats=tracing.Repeated(job.job_id, job.request)) as sending:
        again = await _repeat(
            job, traced(repeated, sending.context), now, store=store, settings=settings, meters=meters
        )
        sending.stored(again.job_id, replayed=False)
        return again


async def _repeat(
    job: Job, repeated: NewJob, now: int | None, *, store: Store, settings: Settings, meters: Meters
) -> Job:
    answers = await store.enqueue((repeated,), max_queued=settings.max_queued, now=now)
    (answer,) = answers
    meters.submitted((repeated,), answers)
    log_step(job, f"is repeated as job {repeated.job_id}")
    return accepted(repeated, answer).job
