"""From a payload to a job that can be stored: checked, encoded, and given an id of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.errors import PayloadTooLarge
from asyncendpoints.request import encode_request
from asyncendpoints.submission import new_job

if TYPE_CHECKING:
    from asyncendpoints.job import NewJob
    from asyncendpoints.registry import Handler
    from asyncendpoints.request import StoredRequest


async def prepared(
    handler: Handler,
    payload: Any,
    *,
    queue: str | None,
    priority: int | None,
    delay: float,
    key: str | None,
    owner: str | None,
    now: int | None,
    request: StoredRequest | None = None,
    **parts: Any,
) -> NewJob:
    """Return the job of a submission that comes from a script, not from a request.

    Args:
        handler: Whose job it is.
        payload: What the handler works on.
        queue: Where it waits; None is the policy's.
        priority: None is the policy's.
        delay: Seconds to wait before the first attempt.
        key: The idempotency key, or None.
        owner: Whose job it is, or None.
        now: UTC milliseconds for the id; None is the system's clock.
        request: What stands for the request, where the handler takes no arguments of one.
        **parts: The parts of the request that a handler behind a route takes its arguments from.

    Raises:
        SubmissionRefused: The payload does not fit, or the key is not what a key may be.
        ConfigurationError: Queue, priority, delay or owner are out of their bounds.
    """
    if handler.arguments is None:
        body = handler.payload.encode(payload)
    else:
        request, body = await handler.arguments.prepare(payload, **parts)
    if body is not None and len(body) > handler.policy.max_body_bytes:
        raise PayloadTooLarge(handler.policy.max_body_bytes)
    return new_job(
        handler,
        body,
        None if request is None else encode_request(request),
        queue=queue,
        priority=priority,
        delay=delay,
        key=key,
        fingerprint=None,
        owner=owner,
        now=now,
    )
