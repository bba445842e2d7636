"""The one writer of problem documents (RFC 9457). Every refusal by the library is a response made here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from asyncendpoints import problem_types
from asyncendpoints.errors import (
    AsyncEndpointsError,
    HandlerUnknown,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    JobNotCancelable,
    JobNotFound,
    MalformedPayload,
    NotStarted,
    PayloadTooLarge,
    QueueFull,
    StoreRefused,
    StoreUnavailable,
    ValidationFailed,
)
from asyncendpoints.http.reply import Reply
from asyncendpoints.http.stored import full_path
from asyncendpoints.observability.logging import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from asyncendpoints.problem_types import ProblemType

_log = logging.getLogger("asyncendpoints.http")

PROBLEM_MEDIA_TYPE: Final = b"application/problem+json"

RETRY_AFTER: Final = (b"retry-after", b"5")
"""What a client is told to wait when a queue is full or the store does not answer."""

_encode = msgspec.json.Encoder().encode

_BY_ERROR: Final[dict[type[AsyncEndpointsError], ProblemType]] = {
    IdempotencyKeyInvalid: problem_types.IDEMPOTENCY_KEY_INVALID,
    IdempotencyKeyMissing: problem_types.IDEMPOTENCY_KEY_MISSING,
    IdempotencyKeyReused: problem_types.IDEMPOTENCY_KEY_REUSED,
    JobNotCancelable: problem_types.JOB_NOT_CANCELABLE,
    JobNotFound: problem_types.JOB_NOT_FOUND,
    MalformedPayload: problem_types.MALFORMED_REQUEST,
    NotStarted: problem_types.NOT_STARTED,
    PayloadTooLarge: problem_types.PAYLOAD_TOO_LARGE,
    QueueFull: problem_types.QUEUE_FULL,
    StoreRefused: problem_types.PAYLOAD_TOO_LARGE,
    StoreUnavailable: problem_types.STORE_UNAVAILABLE,
    ValidationFailed: problem_types.VALIDATION_FAILED,
    HandlerUnknown: problem_types.VALIDATION_FAILED,
}

_NOT_STARTED_REMEDY: Final = (
    "%s %s was refused: the engine was never started, so an accepted job would never run. Install on the "
    "application that the server runs, not on a mounted one, and leave its lifespan on; or set worker=False "
    "and start `asyncendpoints worker`."
)


def problem(
    scope: Mapping[str, Any],
    kind: ProblemType,
    detail: str,
    *,
    job_id: str | None = None,
    request_id: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Reply:
    """Make a problem response.

    Args:
        scope: The ASGI scope, whose path is the problem's `instance`.
        kind: The row of the table of problems.
        detail: What happened this time.
        job_id: The job, where one is known.
        request_id: The client's idempotency key, where one is known.
        errors: Field errors, each with `loc`, `msg` and `type`.
        headers: Further headers.
    """
    members: dict[str, Any] = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance(scope),
    }
    if job_id is not None:
        members["jobId"] = job_id
    if request_id is not None:
        members["requestId"] = request_id
    if errors is not None:
        members["errors"] = errors
    return problem_reply(kind.status, members, headers)


def problem_reply(status: int, members: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """Make a response of a problem object that is already complete."""
    return Reply(
        status,
        _encode(members),
        ((b"content-type", PROBLEM_MEDIA_TYPE), (b"cache-control", b"no-store"), *headers),
    )


def problem_for(
    scope: Mapping[str, Any],
    error: AsyncEndpointsError,
    *,
    job_id: str | None = None,
    request_id: str | None = None,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Reply:
    """Make the problem response for an error of the library; one that has no row is raised again.

    Args:
        scope: The ASGI scope, whose path is the problem's `instance`.
        error: What was raised.
        job_id: The job, where one is known.
        request_id: The client's idempotency key, where one is known.
        headers: Further headers.
    """
    kind = next((_BY_ERROR[each] for each in type(error).__mro__ if each in _BY_ERROR), None)
    if kind is None:
        raise error
    if isinstance(error, JobNotFound):
        # Unknown, purged and somebody else's must look alike.
        return problem(scope, kind, "There is no such job, or it is no longer kept.", headers=headers)
    if isinstance(error, (QueueFull, StoreUnavailable)):
        headers = (RETRY_AFTER, *headers)
    detail = f"{error}"
    if isinstance(error, StoreUnavailable):
        _log.warning("the store does not answer: %s", printable(detail))
        detail = "The store does not answer. The request may be repeated with the same idempotency key."
    elif isinstance(error, NotStarted):
        _log.error(_NOT_STARTED_REMEDY, scope["method"], instance(scope))
        detail = "This server does not run jobs at the moment."
    errors = error.errors if isinstance(error, ValidationFailed) else None
    return problem(scope, kind, sentence(detail), job_id=job_id, request_id=request_id, errors=errors, headers=headers)


def not_installed(scope: Mapping[str, Any]) -> Reply:
    """Make the answer of an endpoint whose application was never given to `install`."""
    _log.error(
        "%s %s was refused: the endpoint's application was never installed; call `jobs.install(app)` on the "
        "application that the server runs",
        scope["method"],
        instance(scope),
    )
    return problem(scope, problem_types.NOT_STARTED, "This server does not run jobs at the moment.")


def instance(scope: Mapping[str, Any]) -> str:
    """Return the request's path as a URI reference, in which nothing can forge a line of a log."""
    return quote(full_path(scope))


def sentence(text: str) -> str:
    """Return the text as a sentence: a capital first, a full stop last."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
