"""The codes of problem documents (RFC 9457), each with its title and HTTP status: one table for jobs and for HTTP.

A problem's `type` is `PROBLEM_BASE` followed by the code, so that a client may compare either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROBLEM_BASE: Final = "https://asyncendpoints.dev/problems/"
"""Where the problem types live; each URI ends in its code."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem."""

    code: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The stable URI that is the `type` of such a problem."""
        return PROBLEM_BASE + self.code


MALFORMED_REQUEST: Final = ProblemType("malformed-request", 400, "The body is not valid JSON")
IDEMPOTENCY_KEY_MISSING: Final = ProblemType("idempotency-key-missing", 400, "An idempotency key is required")
IDEMPOTENCY_KEY_INVALID: Final = ProblemType("idempotency-key-invalid", 400, "The idempotency key is not valid")
JOB_NOT_FOUND: Final = ProblemType("job-not-found", 404, "There is no such job")
JOB_NOT_CANCELABLE: Final = ProblemType("job-not-cancelable", 409, "The job has already ended")
JOB_CANCELED: Final = ProblemType("job-canceled", 409, "The job was canceled")
RESULT_EXPIRED: Final = ProblemType("result-expired", 410, "The result is no longer kept")
PAYLOAD_TOO_LARGE: Final = ProblemType("payload-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE: Final = ProblemType("unsupported-media-type", 415, "The media type is not supported")
IDEMPOTENCY_KEY_REUSED: Final = ProblemType(
    "idempotency-key-reused", 422, "The idempotency key was used for a different request"
)
VALIDATION_FAILED: Final = ProblemType("validation-failed", 422, "The request is not valid")
HANDLER_FAILED: Final = ProblemType("handler-failed", 500, "The handler failed")
WORKER_LOST: Final = ProblemType("worker-lost", 500, "The worker was lost")
RESULT_NOT_SERIALIZABLE: Final = ProblemType("result-not-serializable", 500, "The result cannot be stored")
HANDLER_UNKNOWN: Final = ProblemType("handler-unknown", 500, "The handler is not registered")
EFFECT_UNCERTAIN: Final = ProblemType("effect-uncertain", 500, "Whether an effect happened is not known")
QUEUE_FULL: Final = ProblemType("queue-full", 503, "The queue is full")
NOT_STARTED: Final = ProblemType("not-started", 503, "The worker was never started")
STORE_UNAVAILABLE: Final = ProblemType("store-unavailable", 503, "The store does not answer")
HANDLER_TIMEOUT: Final = ProblemType("handler-timeout", 504, "The handler took too long")

PROBLEM_TYPES: Final[dict[str, ProblemType]] = {
    problem.code: problem
    for problem in (
        MALFORMED_REQUEST,
        IDEMPOTENCY_KEY_MISSING,
        IDEMPOTENCY_KEY_INVALID,
        JOB_NOT_FOUND,
        JOB_NOT_CANCELABLE,
        JOB_CANCELED,
        RESULT_EXPIRED,
        PAYLOAD_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        IDEMPOTENCY_KEY_REUSED,
        VALIDATION_FAILED,
        HANDLER_FAILED,
        WORKER_LOST,
        RESULT_NOT_SERIALIZABLE,
        HANDLER_UNKNOWN,
        EFFECT_UNCERTAIN,
        QUEUE_FULL,
        NOT_STARTED,
        STORE_UNAVAILABLE,
        HANDLER_TIMEOUT,
    )
}
"""Every code of the HTTP contract, section 6."""
