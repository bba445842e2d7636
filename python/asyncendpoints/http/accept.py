"""The submission of a request whose body has been captured and whose input has been found valid."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from asyncendpoints.errors import (
    AsyncEndpointsError,
    ConfigurationError,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    PayloadTooLarge,
    QueueFull,
)
from asyncendpoints.http.capture import ClientGone, store_has_answered
from asyncendpoints.http.events import EventStream, wants_events
from asyncendpoints.http.idempotency import head_of, read_key, request_fingerprint
from asyncendpoints.http.owners import owner_of
from asyncendpoints.http.preferences import NONE, VARY_PREFER, parse_prefer
from asyncendpoints.http.problems import problem_for
from asyncendpoints.http.reply import JSON, Reply
from asyncendpoints.http.representation import SOON, encode_job, retry_after
from asyncendpoints.http.results import result_reply
from asyncendpoints.http.urls import job_urls
from asyncendpoints.http.waiting import Unheard, wait_for_end, while_there
from asyncendpoints.observability.logging import printable
from asyncendpoints.request import decode_request
from asyncendpoints.submission import Draft, new_job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from starlette.requests import Request

    from asyncendpoints._core import Head
    from asyncendpoints.http.endpoint import HttpEndpoint
    from asyncendpoints.http.preferences import Preferences
    from asyncendpoints.submission import Submission

    Hook = Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]

_log = logging.getLogger("asyncendpoints.http")

_REPLAYED: Final = (b"idempotent-replayed", b"true")
_MISSING: Final = "this endpoint requires an idempotency key; send it in the {} header"


async def accept(
    request: Request,
    endpoint: HttpEndpoint,
    *,
    body: bytes | None,
    stored: bytes | None,
    response_headers: Sequence[tuple[bytes, bytes]] = (),
    key: str | None = None,
    delay: float = 0.0,
    sent: bytes | None = None,
) -> Response:
    """Answer a submission: the key's rules, the owner, the hook, the write, what the client prefers.

    Every refusal is returned as a problem document; nothing is raised for it.

    Args:
        request: The request, after validation.
        endpoint: The asynchronous endpoint.
        body: What will be stored as the job's payload.
        stored: The stored form of the request, encoded.
        response_headers: Headers that dependencies have set; they go on every answer.
        key: An idempotency key from elsewhere than the request's headers.
        delay: Seconds to wait before the first attempt.
        sent: The request's body where that is not what will be stored; it is what the fingerprint is made of.

    Raises:
        ConfigurationError: The hook or the owner function does not keep its side.
    """
    scope = request.scope
    engine = endpoint.engine
    settings = engine.settings
    head = head_of(scope, settings)
    policy = endpoint.handler.policy
    try:
        if body is not None and len(body) > endpoint.max_body_bytes:
            raise PayloadTooLarge(endpoint.max_body_bytes)
        if key is None:
            key = read_key(scope, head, settings)
        if key is None and policy.require_idempotency_key:
            raise IdempotencyKeyMissing(_MISSING.format(settings.idempotency_headers[0]))
    except AsyncEndpointsError as error:
        return problem_for(scope, error, request_id=key, headers=response_headers)
    owner = None if settings.owner is None else await owner_of(request, settings)
    if sent is None:
        sent = body
    fingerprint = None if key is None else request_fingerprint(scope, head, sent, settings)
    if policy.before_enqueue is not None:
        kept = None if stored is None else decode_request(stored)
        draft = Draft(endpoint.handler, body, kept, policy.queue, policy.priority, delay, key, fingerprint, owner)
        return await _with_hook(
            policy.before_enqueue, request, endpoint, head, draft, sent=sent, response_headers=response_headers
        )
    # Nobody is to change it, so no draft is made.
    now = engine.clock.store_now()
    job = new_job(
        endpoint.handler,
        body,
        stored,
        queue=None,
        priority=None,
        delay=delay,
        key=key,
        fingerprint=fingerprint,
        owner=owner,
        now=now,
    )
    return await _write(request, endpoint, head, engine.enqueue(job, now), key=key, response_headers=response_headers)


async def _with_hook(
    hook: Hook,
    request: Request,
    endpoint: HttpEndpoint,
    head: Head,
    draft: Draft,
    *,
    sent: bytes | None,
    response_headers: Sequence[tuple[bytes, bytes]],
) -> Response:
    """Let the endpoint's hook answer by itself, or change the draft and go on."""
    request.state.submission = draft
    written = False

    async def call_next(_: Request) -> Response:
        nonlocal written
        if written:
            raise ConfigurationError("a before_enqueue hook may call call_next once; twice would submit twice")
        written = True
        work = _submit(request, endpoint, head, draft, sent)
        return await _write(request, endpoint, head, work, key=draft.idempotency_key, response_headers=response_headers)

    response = await hook(request, call_next)
    if not isinstance(response, Response):
        raise ConfigurationError(
            f"the before_enqueue hook of {endpoint.handler.name!r} must return a response, its own "
            f"or that of call_next(request), not {type(response).__name__}"
        )
    return response


async def _submit(request: Request, endpoint: HttpEndpoint, head: Head, draft: Draft, sent: bytes | None) -> Submission:
    """Store what a hook has left in the draft, by the same rules as what the client sent.

    Raises:
        PayloadTooLarge: The hook made the payload larger than the endpoint takes.
        AsyncEndpointsError: As `Engine.submit` does.
    """
    if draft.payload is not None and len(draft.payload) > endpoint.max_body_bytes:
        raise PayloadTooLarge(endpoint.max_body_bytes)
    draft.owner = draft.owner or None
    if draft.idempotency_key is not None and draft.fingerprint is None:
        # The key is the hook's. What makes a retry honest is what the client sends, wherever the key comes from.
        draft.fingerprint = request_fingerprint(request.scope, head, sent, endpoint.engine.settings)
    return await endpoint.engine.submit(draft)


async def _write(
    request: Request,
    endpoint: HttpEndpoint,
    head: Head,
    work: Awaitable[Submission],
    *,
    key: str | None,
    response_headers: Sequence[tuple[bytes, bytes]],
) -> Response:
    """Store the job, and answer in the way that the client prefers."""
    try:
        submission = await work
    except ConfigurationError:
        raise  # What a hook made of the draft cannot be stored: the application's mistake, not the client's.
    except AsyncEndpointsError as error:
        if isinstance(error, (IdempotencyKeyReused, QueueFull)):
            store_has_answered(request)
        return problem_for(request.scope, error, request_id=key, headers=response_headers)
    store_has_answered(request)
    if key is None:
        _warn(endpoint, submission.job.job_id)
    if wants_events(head.accepts):
        return _stream(request, endpoint, submission, response_headers)
    prefers = head.prefers
    preferences = parse_prefer(prefers, max_wait=endpoint.engine.settings.max_wait) if prefers else NONE
    if preferences.wait is not None:
        return await _held(request, endpoint, submission, preferences, response_headers)
    return _accepted(request, endpoint, submission, preferences, response_headers, host=head.host)


def _accepted(
    request: Request,
    endpoint: HttpEndpoint,
    submission: Submission,
    preferences: Preferences,
    response_headers: Sequence[tuple[bytes, bytes]],
    *,
    host: bytes | None = None,
) -> Reply:
    """Make the 202: the job resource, and where it is."""
    engine = endpoint.engine
    job = submission.job
    urls = job_urls(request.scope, engine.settings, host=host)
    headers = [JSON, (b"location", urls.status(job.job_id).encode("ascii")), VARY_PREFER]
    if submission.replayed:
        headers += (retry_after(job, engine.clock), _REPLAYED)
    elif job.state != "queued":
        headers.append(retry_after(job, engine.clock))
    else:
        headers.append(SOON)  # It was stored just now, which no clock needs to be asked.
    if preferences is not NONE:
        headers += preferences.applied
    if response_headers:
        headers += response_headers
    return Reply(202, encode_job(job, urls), headers)


async def _held(
    request: Request,
    endpoint: HttpEndpoint,
    submission: Submission,
    preferences: Preferences,
    response_headers: Sequence[tuple[bytes, bytes]],
) -> Response:
    """Hold the request until the job ends or the time is up; the job never notices."""
    engine = endpoint.engine
    job = submission.job
    try:
        if not job.done and preferences.wait:
            job = await while_there(request.receive, wait_for_end(engine, job, preferences.wait))
            submission = type(submission)(job, submission.replayed)
    except ClientGone:
        return Unheard(_accepted(request, endpoint, submission, preferences, response_headers))
    except AsyncEndpointsError as error:
        # The job is stored: the 202 is true whatever has become of the wait.
        reason = printable(f"{error}")
        _log.warning("waiting for job %s ended early: %s", job.job_id, reason, extra={"job_id": job.job_id})
    if not job.done:
        return _accepted(request, endpoint, submission, preferences, response_headers)
    urls = job_urls(request.scope, engine.settings)
    headers = [(b"content-location", urls.result(job.job_id).encode("ascii")), VARY_PREFER, *preferences.applied]
    if submission.replayed:
        headers.append(_REPLAYED)
    reply = result_reply(request.scope, engine, job, urls, headers=headers, ranges=False)
    reply.raw_headers += response_headers
    return reply


def _stream(
    request: Request,
    endpoint: HttpEndpoint,
    submission: Submission,
    response_headers: Sequence[tuple[bytes, bytes]],
) -> EventStream:
    job = submission.job
    urls = job_urls(request.scope, endpoint.engine.settings)
    headers = [(b"location", urls.status(job.job_id).encode("ascii")), VARY_PREFER]
    if submission.replayed:
        headers.append(_REPLAYED)
    return EventStream(endpoint.engine, job, urls, headers=(*headers, *response_headers))


def _warn(endpoint: HttpEndpoint, job_id: str) -> None:
    """Say once for each endpoint as a warning, and then as information, that a retry will run twice."""
    level = logging.INFO if endpoint.warned else logging.WARNING
    endpoint.warned = True
    if _log.isEnabledFor(level):
        _log.log(
            level,
            "job %s (%s) came without an idempotency key: if the client sends it again, it runs again",
            job_id,
            printable(endpoint.handler.name),
            extra={"job_id": job_id},
        )
