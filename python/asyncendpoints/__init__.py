"""One decorator turns a FastAPI or Starlette route into a durable asynchronous endpoint."""

from __future__ import annotations

from asyncendpoints._core import __version__
from asyncendpoints.app import AsyncEndpoints
from asyncendpoints.context import JobContext, JobDepends, current_job
from asyncendpoints.errors import (
    AsyncEndpointsError,
    BatchRefused,
    ConfigurationError,
    EffectUncertain,
    ForkedWorker,
    HandlerUnknown,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    JobError,
    JobNotCancelable,
    JobNotFound,
    JobNotRedrivable,
    MalformedPayload,
    NotStarted,
    PayloadTooLarge,
    QueueFull,
    ResultNotSerializable,
    StaleLease,
    StoreRefused,
    StoreUnavailable,
    SubmissionRefused,
    ValidationFailed,
)
from asyncendpoints.http import EXPOSED_HEADERS
from asyncendpoints.job import Job, JobState, Outcome, Run
from asyncendpoints.policy import Delays, Exponential, Fixed, Policy, Retention, Retry
from asyncendpoints.request import StoredRequest
from asyncendpoints.result import Result
from asyncendpoints.settings import Settings
from asyncendpoints.submission import Draft, Submission

__all__ = [
    "EXPOSED_HEADERS",
    "AsyncEndpoints",
    "AsyncEndpointsError",
    "BatchRefused",
    "ConfigurationError",
    "Delays",
    "Draft",
    "EffectUncertain",
    "Exponential",
    "Fixed",
    "ForkedWorker",
    "HandlerUnknown",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyMissing",
    "IdempotencyKeyReused",
    "Job",
    "JobContext",
    "JobDepends",
    "JobError",
    "JobNotCancelable",
    "JobNotFound",
    "JobNotRedrivable",
    "JobState",
    "MalformedPayload",
    "NotStarted",
    "Outcome",
    "PayloadTooLarge",
    "Policy",
    "QueueFull",
    "Result",
    "ResultNotSerializable",
    "Retention",
    "Retry",
    "Run",
    "Settings",
    "StaleLease",
    "StoreRefused",
    "StoreUnavailable",
    "StoredRequest",
    "Submission",
    "SubmissionRefused",
    "ValidationFailed",
    "__version__",
    "current_job",
]
