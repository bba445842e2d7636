"""What a run that did not return makes of its job: an event for the core, and a problem object for readers."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec

from asyncendpoints.errors import (
    EffectUncertain,
    JobError,
    MalformedPayload,
    ResultNotSerializable,
    ValidationFailed,
)
from asyncendpoints.observability.tracebacks import describe, summary
from asyncendpoints.problem_types import (
    EFFECT_UNCERTAIN,
    HANDLER_FAILED,
    HANDLER_TIMEOUT,
    HANDLER_UNKNOWN,
    RESULT_NOT_SERIALIZABLE,
    WORKER_LOST,
)

if TYPE_CHECKING:
    from asyncendpoints.problem_types import ProblemType

ERROR_LIMIT: Final = 4096
"""How many bytes of a problem object are stored."""

Event: TypeAlias = Literal["returned", "raised", "raised_final", "timed_out", "lost", "released", "stopped"]

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_UNSHOWABLE: Final = "(cannot be shown)"


class Outcome(NamedTuple):
    """How a run ended: what `decide` is told, what is stored, and what the log says."""

    event: Event
    result: bytes | None = None
    result_meta: bytes | None = None
    error: bytes | None = None
    reason: str = ""
    """For people, not yet escaped."""


UNDESCRIBED: Final = Outcome(
    "raised",
    error=msgspec.json.encode(
        {"type": HANDLER_FAILED.uri, "title": HANDLER_FAILED.title, "status": HANDLER_FAILED.status}
    ),
    reason="raised an error that cannot be described",
)
"""The outcome of a handler whose error raises when it is looked at."""
UNSTORABLE: Final = Outcome(
    "raised_final",
    error=msgspec.json.encode(
        {
            "type": RESULT_NOT_SERIALIZABLE.uri,
            "title": RESULT_NOT_SERIALIZABLE.title,
            "status": RESULT_NOT_SERIALIZABLE.status,
            "detail": "the store cannot hold what the handler gave",
        }
    ),
    reason="gave what the store cannot hold",
)
"""The outcome of a run whose own outcome a store refuses for good."""
RELEASED: Final = Outcome("released", reason="released by a shutdown")
STOPPED: Final = Outcome("stopped", reason="stopped by a cancel")


def raised(error: BaseException, *, expose_errors: bool, expose_tracebacks: bool) -> Outcome:
    """Return the outcome of a handler that raised.

    Args:
        error: What it raised.
        expose_errors: Whether the stored problem shows the exception's text; a `JobError` always shows its own.
        expose_tracebacks: Whether it holds the traceback too.
    """
    reason = summary(error)
    if isinstance(error, JobError):
        return Outcome("raised" if error.retryable else "raised_final", error=_chosen(error), reason=reason)
    kind, event = _classify(error)
    problem = _problem(kind, reason if expose_errors else None)
    if expose_errors and isinstance(error, ValidationFailed):
        problem["errors"] = _plain(error.errors)
    if expose_errors and expose_tracebacks:
        problem["traceback"] = _text(describe(error))
    return Outcome(event, error=fit(problem), reason=reason)


def timed_out(timeout_ms: int) -> Outcome:
    """Return the outcome of a run past its timeout."""
    detail = f"the handler did not end within {timeout_ms / 1000:g} s"
    return Outcome("timed_out", error=fit(_problem(HANDLER_TIMEOUT, detail)), reason=detail)


def handler_unknown(name: str) -> Outcome:
    """Return the outcome of a job whose handler this process does not have, and would not have next time."""
    detail = f"no handler named {name!r} is registered"
    return Outcome("raised_final", error=fit(_problem(HANDLER_UNKNOWN, detail)), reason=detail)


def unreadable(what: str, error: BaseException) -> Outcome:
    """Return the outcome of a job of which a stored part cannot be read."""
    detail = f"the stored {what} cannot be read: {summary(error)}"
    return Outcome("raised_final", error=fit(_problem(HANDLER_FAILED, detail)), reason=detail)


def worker_lost() -> bytes:
    """Return the problem object of a run whose lease expired."""
    return fit(_problem(WORKER_LOST, "the worker that ran this attempt stopped renewing its lease"))


def never_stored(kind: ProblemType, detail: str) -> bytes:
    """Return the problem object of a submission that was committed and that the store then refused for good."""
    return fit(_problem(kind, detail))


def fit(problem: dict[str, Any]) -> bytes:
    """Encode a problem object in at most `ERROR_LIMIT` bytes, shortening what people can best do without."""
    body = _encode(problem)
    if len(body) <= ERROR_LIMIT:
        return body
    members = ("traceback", "detail", "title", "type")
    problem = {name: problem[name] for name in (*reversed(members), "status") if name in problem} | {"truncated": True}
    for member in members:
        # A character is at least a byte of JSON, so this loses nothing that could have stayed.
        if member in problem:
            problem[member] = _cut(problem[member], ERROR_LIMIT, keep_end=member == "traceback")
    for member in members:
        excess = len(_encode(problem)) - ERROR_LIMIT
        if excess > 0 and member in problem:
            problem[member] = _shorten(problem[member], excess, keep_end=member == "traceback")
    return _encode(problem)


def _shorten(text: str, excess: int, *, keep_end: bool) -> str:
    room = len(_encode(text)) - excess

    def size(length: int) -> int:
        return len(_encode(_cut(text, length, keep_end=keep_end)))

    # How many bytes of JSON a character takes depends on what it is, so the longest cut that fits is searched for.
    longest = bisect_right(range(len(text)), room, key=size) - 1
    return _cut(text, max(0, longest), keep_end=keep_end)


def _cut(text: str, length: int, *, keep_end: bool) -> str:
    if len(text) <= length:
        return text
    return "…" + text[len(text) - length :] if keep_end else text[:length] + "…"


def _text(value: object) -> str:
    try:
        text = str(value)
    except BaseException:  # a user's __str__ may raise anything
        return _UNSHOWABLE
    # Lone surrogates, from file names say, are not UTF-8 and would spoil the whole object.
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {_text(name): _plain(member) for name, member in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in cast("list[Any]", value)]
    return _text(value)


def _problem(kind: ProblemType, detail: str | None) -> dict[str, Any]:
    problem: dict[str, Any] = {"type": kind.uri, "title": kind.title, "status": kind.status}
    if detail is not None:
        problem["detail"] = _text(detail)
    return problem


def _classify(error: BaseException) -> tuple[ProblemType, Event]:
    if isinstance(error, ResultNotSerializable):
        return RESULT_NOT_SERIALIZABLE, "raised_final"
    if isinstance(error, EffectUncertain):
        return EFFECT_UNCERTAIN, "raised_final"
    if isinstance(error, (ValidationFailed, MalformedPayload)):
        return HANDLER_FAILED, "raised_final"
    return HANDLER_FAILED, "raised"


def _chosen(error: JobError) -> bytes:
    # A subclass may have set anything, or nothing.
    status = error.status if error.status in range(400, 600) else 500
    problem: dict[str, Any] = {
        "type": _text(error.type),
        "title": _text(error.title or summary(error)),
        "status": status,
    }
    if error.detail is not None:
        problem["detail"] = _text(error.detail)
    try:
        return fit({**error.extensions, **problem})
    except Exception:  # an extension that JSON cannot hold, or whose __str__ raises, must not cost the error itself
        return fit(problem)
