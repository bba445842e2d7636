"""Each attempt is a trace of its own, linked to its submission."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, JobError, Retry
from asyncendpoints.observability import tracing
from tests.support.running import until
from tests.support.traces import Traces, facts, ids, linked, run

ONCE = Retry(max_attempts=1)


async def test_an_attempt_has_a_trace_of_its_own_that_is_linked_to_its_submission(traces: Traces) -> None:
    """Both spans have the names of the semantic conventions for messaging, and say which job they are about."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("build", queue="reports")(lambda: None)
    async with jobs:
        worker = jobs.engine.worker
        job_id = await run(jobs, "build")
    (submission,), (attempt,) = traces.submissions, traces.attempts
    assert (submission.name, attempt.name) == ("submit reports", "run reports")
    assert linked(attempt) == [ids(submission)[1]]
    assert attempt.parent is None
    assert ids(attempt)[0] != ids(submission)[0]
    common = {
        "messaging.system": "asyncendpoints",
        "messaging.destination.name": "reports",
        "messaging.message.id": job_id,
        "messaging.asyncendpoints.endpoint": "build",
    }
    assert facts(submission) == {
        **common,
        "messaging.operation.name": "submit",
        "messaging.operation.type": "send",
        "messaging.asyncendpoints.replayed": False,
    }
    assert worker is not None
    assert facts(attempt) == {
        **common,
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.client.id": worker.name,
        "messaging.asyncendpoints.attempt": 1,
        "messaging.asyncendpoints.max_attempts": 3,
        "messaging.asyncendpoints.outcome": "completed",
    }
    assert submission.status.status_code is attempt.status.status_code is StatusCode.UNSET
    scope = attempt.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.schema_url) == ("asyncendpoints", tracing.SCHEMA_URL)


async def test_each_attempt_is_a_span_and_an_error_is_told_as_clients_see_it(traces: Traces) -> None:
    """The first attempt raises, the second one returns."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("build", retry=Retry(max_attempts=2, backoff=Fixed(0)))
    async def build(job: JobContext) -> None:
        if job.attempt == 1:
            raise LookupError("nothing there")

    async with jobs:
        await run(jobs, "build")
    first, second = traces.attempts
    assert linked(first) == linked(second) == [ids(traces.submissions[0])[1]]
    assert facts(first)["messaging.asyncendpoints.outcome"] == "error"
    assert facts(first)["error.type"] == "LookupError"
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "LookupError: nothing there")
    (event,) = first.events
    assert dict(event.attributes or {}) == {
        "exception.type": "LookupError",
        "exception.message": "LookupError: nothing there",
    }
    assert facts(second)["messaging.asyncendpoints.attempt"] == 2
    assert (facts(second)["messaging.asyncendpoints.outcome"], second.events) == ("completed", ())


async def test_what_clients_may_not_see_of_an_error_is_in_no_span(traces: Traces) -> None:
    """Without `expose_errors` the class of the error is not told either; what was raised on purpose is."""
    jobs = AsyncEndpoints("memory://", expose_errors=False)

    @jobs.handler("build", retry=ONCE)
    async def build() -> None:
        raise LookupError("a secret")

    @jobs.handler("refuse", retry=ONCE)
    async def refuse() -> None:
        raise JobError("No such customer", status=404)

    async with jobs:
        await run(jobs, "build")
        await run(jobs, "refuse")
    hidden, told = traces.attempts
    assert "secret" not in hidden.to_json()
    assert "LookupError" not in hidden.to_json()
    assert facts(hidden)["error.type"] == "handler-failed"
    assert (hidden.status.status_code, hidden.events) == (StatusCode.ERROR, ())
    assert facts(told)["error.type"] == "asyncendpoints.errors.JobError"
    assert told.status.description == "No such customer"


async def test_a_traceback_is_told_where_clients_see_it(traces: Traces) -> None:
    """With `expose_tracebacks`."""
    jobs = AsyncEndpoints("memory://", expose_tracebacks=True)

    @jobs.handler("build", retry=ONCE)
    def build() -> None:
        raise LookupError("nothing there")

    async with jobs:
        await run(jobs, "build")
    (event,) = traces.attempts[0].events
    assert "in build" in str((event.attributes or {})["exception.stacktrace"])


async def test_a_timeout_is_an_error_and_a_cancel_is_none(traces: Traces) -> None:
    """Both end the handler."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("build", retry=ONCE, timeout=0.05)
    async def build() -> None:
        await asyncio.Event().wait()

    @jobs.handler("stop", retry=ONCE)
    async def stop(job: JobContext) -> None:
        await jobs.cancel(job.job_id)
        await asyncio.Event().wait()

    async with jobs:
        await run(jobs, "build")
        await run(jobs, "stop")
    late, stopped = traces.attempts
    assert facts(late)["messaging.asyncendpoints.outcome"] == "timeout"
    assert (facts(late)["error.type"], late.status.status_code) == ("handler-timeout", StatusCode.ERROR)
    assert facts(stopped)["messaging.asyncendpoints.outcome"] == "canceled"
    assert stopped.status.status_code is StatusCode.UNSET


async def test_an_attempt_that_lost_its_job_is_told_to_be_lost(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler returned, but another run has the job."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("build")(lambda: None)

    async def stale(settlements: Any, **_: Any) -> list[str]:
        return ["stale"] * len(settlements)

    async with jobs:
        monkeypatch.setattr(jobs.engine.store, "settle", stale)
        await jobs.submit("build")
        await until(lambda: len(traces.attempts) == 1)
    assert facts(traces.attempts[0])["messaging.asyncendpoints.outcome"] == "lost"
    assert traces.attempts[0].status.status_code is StatusCode.ERROR


async def test_a_run_that_a_shutdown_gives_back_is_traced_as_released(traces: Traces) -> None:
    """It is no error: another worker runs it."""
    jobs, begun = AsyncEndpoints("memory://"), asyncio.Event()

    @jobs.handler("build")
    async def build() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with jobs:
        await jobs.submit("build")
        await begun.wait()
        await jobs.stop(grace=0)
    (attempt,) = traces.attempts
    assert facts(attempt)["messaging.asyncendpoints.outcome"] == "released"
    assert attempt.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("in_thread", [False, True])
async def test_what_a_handler_traces_is_a_part_of_its_attempt(traces: Traces, in_thread: bool) -> None:
    """In the event loop and in a thread."""
    jobs = AsyncEndpoints("memory://")

    def work() -> None:
        with trace.get_tracer("application").start_as_current_span("inside"):
            pass

    async def work_here() -> None:
        work()

    jobs.handler("build")(work if in_thread else work_here)
    async with jobs:
        await run(jobs, "build")
    inside, (attempt,) = traces.named("inside"), traces.attempts
    assert inside.parent is not None
    assert (inside.parent.trace_id, inside.parent.span_id) == ids(attempt)
