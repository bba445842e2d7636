"""Every exception of asyncendpoints, defined once. The Rust core raises these same classes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.submission import Submission


class AsyncEndpointsError(Exception):
    """The base of every error that this library raises."""


class ConfigurationError(AsyncEndpointsError):
    """A setting, policy or handler cannot work as it is written; the message names it and the remedy."""


class InvalidTransition(AsyncEndpointsError):  # noqa: N818 (the field's name for it)
    """The state table has no row for this state and event."""


class NotStarted(AsyncEndpointsError):  # noqa: N818
    """The embedded worker was never started, so an accepted job would never run."""


class StoreUnavailable(AsyncEndpointsError):  # noqa: N818
    """The store does not answer; the same call may be repeated with the same key."""


class JobNotFound(AsyncEndpointsError):  # noqa: N818
    """There is no such job, or it belongs to somebody else, or its retention has passed."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id!r}")
        self.job_id = job_id


class JobNotCancelable(AsyncEndpointsError):  # noqa: N818
    """The job has already completed or failed."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id!r} is already {state}")
        self.job_id = job_id
        self.state = state


class JobNotRedrivable(AsyncEndpointsError):  # noqa: N818
    """Only a failed job whose payload is still kept can be redriven."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id!r} is {state}; only a failed job that still has its payload can be redriven")
        self.job_id = job_id
        self.state = state


class StaleLease(AsyncEndpointsError):  # noqa: N818
    """The run no longer owns its job: another run has begun, or the job was rescued (LSE-2)."""


class SubmissionRefused(AsyncEndpointsError):  # noqa: N818
    """The base of what a submission can be refused for; nothing was stored."""


class IdempotencyKeyInvalid(SubmissionRefused):
    """The key is not 1 to 255 visible ASCII characters, bare or as a quoted string, or came more than once."""


class IdempotencyKeyMissing(SubmissionRefused):
    """The endpoint requires an idempotency key and the submission has none."""


class IdempotencyKeyReused(SubmissionRefused):
    """The key was used for a different submission (IDM-2)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the idempotency key {key!r} was used for a different submission")
        self.key = key


class QueueFull(SubmissionRefused):
    """The configured bound of waiting jobs is reached."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"the queue {queue!r} is full")
        self.queue = queue


class PayloadTooLarge(SubmissionRefused):
    """The payload is over the limit of its handler."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the payload is larger than {limit} bytes")
        self.limit = limit


class MalformedPayload(SubmissionRefused):
    """The payload is not JSON as RFC 8259 has it: syntax, invalid UTF-8, lone surrogates, NaN, nesting."""


class ValidationFailed(SubmissionRefused):
    """The payload is JSON, but not what the handler takes.

    `errors` lists the field errors, each with `loc`, `msg` and `type`.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(str(error.get("msg", "")) for error in errors) or "validation failed")
        self.errors = [dict(error) for error in errors]


class StoreRefused(AsyncEndpointsError):  # noqa: N818
    """The store cannot hold this, however often it is asked, because a part of it is too large; nothing was done."""


class BatchRefused(AsyncEndpointsError):  # noqa: N818
    """Some submissions of a batch were refused by the store; the others are stored.

    `submissions` has one member for each payload, None where it was refused; `refusals` says why, by index.
    """

    def __init__(self, submissions: Sequence[Submission | None], refusals: Mapping[int, SubmissionRefused]) -> None:
        first = next(iter(refusals.values()))
        super().__init__(f"{len(refusals)} of {len(submissions)} submissions were refused, the first because {first}")
        self.submissions = list(submissions)
        self.refusals = dict(refusals)


class HandlerUnknown(AsyncEndpointsError):  # noqa: N818
    """No handler of that name is registered."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no handler named {name!r} is registered")
        self.name = name


class ResultNotSerializable(AsyncEndpointsError):  # noqa: N818
    """The handler returned something that cannot be stored as JSON, or is too large; it is not retried."""


class EffectUncertain(AsyncEndpointsError):  # noqa: N818
    """A `once` effect was reserved by an earlier attempt that never recorded its end (EFF-1)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"whether the effect {key!r} happened is not known: an earlier attempt began it and vanished")
        self.key = key


class ForkedWorker(AsyncEndpointsError):  # noqa: N818
    """A worker was started before the process forked; start one of its own in the child."""


class JobError(AsyncEndpointsError):
    """Raised by a handler to fail its job on purpose, with a problem document of its own (RFC 9457).

    Args:
        title: One short sentence for people.
        status: The HTTP status that `GET …/result` answers with, 400 to 599.
        detail: What happened this time.
        type: A URI for the kind of problem; `about:blank` by default, as RFC 9457 has it.
        retryable: Whether another attempt may be made.
        extensions: Further members of the problem object; values must be JSON.
    """

    # A subclass whose constructor leaves this one out is a JobError all the same; its text is its title then.
    title: str = ""
    status: int = 500
    detail: str | None = None
    type: str = "about:blank"
    retryable: bool = False
    extensions: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        title: str,
        *,
        status: int = 500,
        detail: str | None = None,
        type: str = "about:blank",  # noqa: A002 (the member's name in RFC 9457)
        retryable: bool = False,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"JobError status must be 400 to 599, not {status!r}")
        # An exception given as detail, or as title, is common and says what it means.
        self.title = str(title)
        self.status = int(status)
        self.detail = None if detail is None else str(detail)
        self.type = str(type)
        self.retryable = bool(retryable)
        super().__init__(self.title if self.detail is None else f"{self.title}: {self.detail}")
        self.extensions = dict(extensions or {})
