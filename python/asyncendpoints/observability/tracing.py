"""Traces, by OpenTelemetry's API: a span for each submission, and one for each attempt that is linked to it.

OpenTelemetry is known in this module alone, and imported only where the application has done so: nobody has set up an
SDK without it. Names are those of the semantic conventions for messaging, whose schema is pinned here. As these say,
what processes a message is linked to where it was created; it begins a trace of its own, because an attempt may come
days later, and there may be several.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints._core import __version__
from asyncendpoints.observability.logging import log_safely
from asyncendpoints.request import decode_request

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from opentelemetry.trace import Link, Span, Tracer, TracerProvider

    from asyncendpoints._core import Claim

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions that the names below are from."""

SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
MESSAGE_ID: Final = "messaging.message.id"
BATCH_COUNT: Final = "messaging.batch.message_count"
CLIENT_ID: Final = "messaging.client.id"
ERROR_TYPE: Final = "error.type"
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# What the conventions have no name for stands in the system's own part of their names.
ENDPOINT: Final = "messaging.asyncendpoints.endpoint"
ATTEMPT: Final = "messaging.asyncendpoints.attempt"
MAX_ATTEMPTS: Final = "messaging.asyncendpoints.max_attempts"
OUTCOME: Final = "messaging.asyncendpoints.outcome"
REPLAYED: Final = "messaging.asyncendpoints.replayed"
REDRIVE_OF: Final = "messaging.asyncendpoints.redrive_of"

SUBMIT: Final = "submit"
RUN: Final = "run"

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
LONGEST_STATE: Final = 512
"""Characters of `tracestate` that are stored; a longer one is left out, as W3C Trace Context, 3.3.1.5, allows."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for an SDK where there was none."""

_API: Final = "opentelemetry.trace"
_log: Final = logging.getLogger(__name__)


def enabled() -> bool:
    """Return whether somebody has set up an SDK, or another provider of tracers; a late one is seen in a second."""
    # Asking the API takes longer than all else that a submission does here, and each submission asks.
    if _API not in sys.modules or monotonic() < _absent.until:
        return False
    from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

    if not isinstance(get_tracer_provider(), ProxyTracerProvider):
        return True
    _absent.until = monotonic() + LOOK_EVERY
    return False


class _Absence:
    """Until when nobody looks for an SDK again, in monotonic seconds."""

    until = 0.0


_absent = _Absence()


@lru_cache(maxsize=1)
def _tracer_of(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("asyncendpoints", __version__, SCHEMA_URL)


def _tracer() -> Tracer:
    from opentelemetry.trace import get_tracer_provider

    return _tracer_of(get_tracer_provider())


class Sending:
    """A submission under way.

    Args:
        span: Its span.
    """

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def context(self) -> tuple[str, ...]:
        """What is stored with the job: `traceparent`, and `tracestate` where there is any; empty without a trace.

        Baggage is not: it is the client's to fill, and whatever stands in it would be kept as long as the job.
        """
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(self._span))
        state = carrier.get(TRACESTATE, "")
        if not carrier:
            return ()
        return (carrier[TRACEPARENT], state) if 0 < len(state) <= LONGEST_STATE else (carrier[TRACEPARENT],)

    def stored(self, job_id: str, *, replayed: bool) -> None:
        """Say which job it came to."""
        self._span.set_attributes({MESSAGE_ID: job_id, REPLAYED: replayed})


@contextmanager
def submission(
    handler: str, queue: str, *, count: int | None = None, repeats: Repeated | None = None
) -> Generator[Sending]:
    """Trace a submission, as a part of whatever trace is current.

    Args:
        handler: Whose jobs are submitted.
        queue: Where they will wait.
        count: How many there are, where it is a batch.
        repeats: The job that is repeated, if one is.
    """
    from opentelemetry.trace import INVALID_SPAN, SpanKind, Status, StatusCode, use_span

    attributes: dict[str, Any] = {**_common(SUBMIT, "send", queue), ENDPOINT: handler}
    if count is not None:
        attributes[BATCH_COUNT] = count
    if repeats is not None:
        attributes[REDRIVE_OF] = repeats.job_id
    links = _links_to(None if repeats is None else repeats.request)
    span: Span = INVALID_SPAN
    with _untroubled():
        span = _tracer().start_span(f"{SUBMIT} {queue}", kind=SpanKind.PRODUCER, attributes=attributes, links=links)
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield Sending(span)
    except BaseException as error:
        # Its message may hold what the client has sent, such as the key.
        span.set_attribute(ERROR_TYPE, _name_of(type(error)))
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        with _untroubled():
            span.end()


@contextmanager
def _untroubled() -> Generator[None]:
    # Samplers, processors and exporters are the application's: jobs are worth more than their traces.
    try:
        yield
    except Exception:
        log_safely(_log, logging.ERROR, "a span could not be recorded", exc_info=True)


class Repeated(msgspec.Struct, frozen=True):
    """The job that a redrive repeats."""

    job_id: str
    request: bytes | None
    """Its stored request, which has the trace of its submission."""


class AttemptSpans:
    """The spans of the attempts that run in one worker.

    Args:
        worker: Its name.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._open: dict[tuple[str, int], Span] = {}
        self._returned: dict[tuple[str, int], int] = {}

    def __bool__(self) -> bool:
        """Whether any attempt is traced that has not been settled."""
        return bool(self._open)

    def begin(self, claim: Claim, key: tuple[str, int]) -> None:
        """Begin the span of an attempt, and make it current in the calling context, which must be the run's own."""
        from opentelemetry.context import Context, attach
        from opentelemetry.trace import SpanKind, set_span_in_context

        attributes = {
            **_common(RUN, "process", claim.queue),
            MESSAGE_ID: claim.job_id,
            CLIENT_ID: self._worker,
            ENDPOINT: claim.handler,
            ATTEMPT: claim.attempt,
            MAX_ATTEMPTS: claim.max_attempts,
        }
        name, links = f"{RUN} {claim.queue}", _links_to(claim.request)
        with _untroubled():
            self._open[key] = span = _tracer().start_span(
                name, context=Context(), kind=SpanKind.CONSUMER, attributes=attributes, links=links
            )
            attach(set_span_in_context(span))

    def returned(self, key: tuple[str, int]) -> None:
        """Say that a run's handler has ended: so has its span, which is closed once the end is written."""
        if key in self._open:
            self._returned[key] = time_ns()

    def settled(
        self, key: tuple[str, int], outcome: str, *, problem: bytes | None, raised: type[BaseException] | None
    ) -> None:
        """Close a run's span.

        Args:
            key: The job's id and the run's fence.
            outcome: As the job's record has it.
            problem: What the job's readers see of its error: the span says no more.
            raised: What the handler raised, where that may be known.
        """
        span = self._open.pop(key, None)
        if span is None:
            return
        ended = self._returned.pop(key, None)
        with _untroubled():
            span.set_attribute(OUTCOME, outcome)
            if outcome in {"error", "timeout", "lost"}:
                _describe(span, outcome, problem, raised)
            span.end(ended)

    def close(self) -> None:
        """Close the spans whose runs have not been settled, and will not be by this worker."""
        for key in tuple(self._open):
            self.settled(key, "lost", problem=None, raised=None)


def _common(operation: str, kind: str, queue: str) -> dict[str, Any]:
    return {SYSTEM: "asyncendpoints", OPERATION_NAME: operation, OPERATION_TYPE: kind, DESTINATION: queue}


def _links_to(request: bytes | None) -> Sequence[Link]:
    """Return a link to where a stored request was submitted, if that was traced."""
    from opentelemetry.trace import Link, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if request is None:
        return ()
    try:
        trace = decode_request(request).trace
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # What cannot be read fails the attempt, and its span says so.
        return ()
    carrier = dict(zip((TRACEPARENT, TRACESTATE), trace, strict=False))
    context = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return (Link(context),) if carrier and context.is_valid else ()


def _describe(span: Span, outcome: str, problem: bytes | None, raised: type[BaseException] | None) -> None:
    from opentelemetry.trace import Status, StatusCode

    shown: dict[str, Any] = {} if problem is None else msgspec.json.decode(problem)
    code = str(shown.get("type", "")).rpartition("/")[2]
    span.set_attribute(ERROR_TYPE, _name_of(raised) if raised is not None else code or outcome)
    span.set_status(Status(StatusCode.ERROR, str(shown.get("detail") or shown.get("title") or outcome)))
    if raised is not None:
        event = {EXCEPTION_TYPE: _name_of(raised), EXCEPTION_MESSAGE: str(shown.get("detail", ""))}
        if "traceback" in shown:
            event[EXCEPTION_STACKTRACE] = str(shown["traceback"])
        span.add_event(EXCEPTION, event)


def _name_of(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
