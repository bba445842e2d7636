"""Submissions are traced, as a part of the trace that is current."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext, Retry
from asyncendpoints.errors import IdempotencyKeyReused
from asyncendpoints.observability import tracing
from asyncendpoints.request import StoredRequest
from tests.support.running import until
from tests.support.traces import Traces, facts, ids, linked, run

ONCE = Retry(max_attempts=1)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("hooked", [False, True])
async def test_a_submission_over_http_is_a_part_of_the_requests_trace(traces: Traces, hooked: bool) -> None:
    """The client's own headers stay as they came, whatever the trace is."""
    seen: list[StoredRequest] = []

    async def hook(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    async def build(job: JobContext[None]) -> None:
        seen.append(job.request)

    jobs = AsyncEndpoints("memory://")
    app = Starlette(routes=[jobs.route("/build/{name}", build, before_enqueue=hook if hooked else None)])
    jobs.install(app)

    async with jobs, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        with trace.get_tracer("server").start_as_current_span("request") as request:
            answer = await client.post("/build/it", headers={"traceparent": PARENT})
        await jobs.wait(answer.json()["jobId"], 30)
        await until(lambda: len(traces.attempts) == 1)
    (submission,), (attempt,), (stored,) = traces.submissions, traces.attempts, seen
    assert submission.parent is not None
    assert submission.parent.span_id == request.get_span_context().span_id
    assert linked(attempt) == [ids(submission)[1]]
    assert ("traceparent", PARENT) in stored.headers
    assert stored.path_params == {"name": "it"}
    assert submission.context is not None
    trace_id, span_id = ids(submission)
    assert stored.trace == (f"00-{trace_id:032x}-{span_id:016x}-{submission.context.trace_flags:02x}",)


async def test_many_submissions_are_one_span_to_which_each_attempt_is_linked(traces: Traces) -> None:
    """However many they are."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("build")(lambda: None)
    async with jobs:
        assert await jobs.submit_many("build", []) == []
        submissions = await jobs.submit_many("build", [None] * 5)
        for each in submissions:
            await jobs.wait(each.job.job_id, 30)
        await until(lambda: len(traces.attempts) == 5)
    (submission,) = traces.submissions
    assert facts(submission)["messaging.batch.message_count"] == 5
    assert "messaging.message.id" not in facts(submission)
    assert [linked(attempt) for attempt in traces.attempts] == [[ids(submission)[1]]] * 5


async def test_a_worker_that_was_started_in_a_request_does_not_inherit_its_trace(traces: Traces) -> None:
    """Nor do the jobs that it runs, nor what their handlers trace, nor the baggage of the request."""
    jobs = AsyncEndpoints("memory://")
    carried: list[object] = []

    @jobs.handler("build")
    async def build() -> None:
        carried.append(baggage.get_baggage("customer"))
        with trace.get_tracer("application").start_as_current_span("inside"):
            pass

    token = context.attach(baggage.set_baggage("customer", "hush"))
    with trace.get_tracer("server").start_as_current_span("request") as request:
        await jobs.start()
        job_id = await run(jobs, "build")
    context.detach(token)
    await run(jobs, "build")
    stored = (await jobs.get(job_id)).request
    await jobs.stop()
    of_request = request.get_span_context().trace_id
    assert all(attempt.parent is None for attempt in traces.attempts)
    assert [ids(attempt)[0] == of_request for attempt in traces.attempts] == [False, False]
    assert [ids(submission)[0] == of_request for submission in traces.submissions] == [True, False]
    assert carried == [None, None]
    assert stored is not None
    assert b"hush" not in stored


async def test_a_redrive_is_linked_to_the_submission_that_it_repeats(traces: Traces) -> None:
    """And its attempts to the redrive."""
    jobs = AsyncEndpoints("memory://")
    fails = [True]

    @jobs.handler("build", retry=ONCE)
    async def build() -> None:
        if fails:
            fails.pop()
            raise LookupError

    async with jobs:
        job_id = await run(jobs, "build")
        again = await jobs.redrive(job_id)
        await jobs.wait(again.job_id, 30)
        await until(lambda: len(traces.attempts) == 2)
    first, redrive = traces.submissions
    assert linked(redrive) == [ids(first)[1]]
    assert facts(redrive)["messaging.asyncendpoints.redrive_of"] == job_id
    assert facts(redrive)["messaging.message.id"] == again.job_id
    assert linked(traces.attempts[1]) == [ids(redrive)[1]]


async def test_a_trace_does_not_make_another_submission_of_an_honest_retry(traces: Traces) -> None:
    """The fingerprint knows nothing of it; and a key that is used for something else is in no span."""
    jobs = AsyncEndpoints("memory://", worker=False)

    @jobs.handler("build")
    async def build(job: JobContext[int]) -> None: ...

    async with jobs:
        first = await jobs.submit("build", 1, idempotency_key="my-key")
        second = await jobs.submit("build", 1, idempotency_key="my-key")
        with pytest.raises(IdempotencyKeyReused):
            await jobs.submit("build", 2, idempotency_key="my-key")
    assert (first.job.job_id, second.replayed) == (second.job.job_id, True)
    assert first.job.request is not None
    created, replayed, refused = traces.submissions
    assert facts(replayed)["messaging.message.id"] == facts(created)["messaging.message.id"]
    assert facts(replayed)["messaging.asyncendpoints.replayed"] is True
    assert facts(refused)["error.type"] == "asyncendpoints.errors.IdempotencyKeyReused"
    assert refused.status.status_code is StatusCode.ERROR
    assert "my-key" not in "".join(span.to_json() for span in traces.submissions)


async def test_a_key_is_the_same_with_and_without_a_trace(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that sets up an SDK meets the keys from before."""
    jobs = AsyncEndpoints("memory://", worker=False)
    jobs.handler("build")(lambda: None)
    async with jobs:
        with monkeypatch.context() as without:
            without.setattr(trace, "_TRACER_PROVIDER", None)
            without.setattr(tracing, "_absent", tracing._Absence())
            first = await jobs.submit("build", idempotency_key="my-key")
        second = await jobs.submit("build", idempotency_key="my-key")
    assert first.job.request is None
    assert second.replayed
