"""What is stored of a trace, and what happens where there is no SDK, or a broken one."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from asyncendpoints import AsyncEndpoints
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.observability import tracing
from asyncendpoints.request import StoredRequest, decode_request, encode_request, with_trace
from asyncendpoints.submission import traced
from tests.support.running import until
from tests.support.traces import Traces

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_without_an_sdk_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API alone records nothing, and one that is set up later is seen."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(tracing, "_absent", tracing._Absence())
    jobs = AsyncEndpoints("memory://", worker=False)
    jobs.handler("build")(lambda: None)
    async with jobs:
        assert (await jobs.submit("build")).job.request is None
    assert not tracing.enabled()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    now = monotonic()
    monkeypatch.setattr(tracing, "monotonic", lambda: now + tracing.LOOK_EVERY)
    assert tracing.enabled()


def test_opentelemetry_is_not_imported_where_the_application_does_not() -> None:
    """It need not be installed, and costs no start-up time."""
    program = """
import asyncio, sys
sys.modules["opentelemetry"] = None
from asyncendpoints import AsyncEndpoints
jobs = AsyncEndpoints("memory://")
jobs.handler("build")(lambda: 7)
async def main():
    async with jobs:
        job = (await jobs.submit("build")).job
        print((await jobs.wait(job.job_id, 30)).state, [name for name in sys.modules if "opentelemetry." in name])
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "completed []\n"


class Broken(SpanProcessor):
    """What some application might add."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("broken at the start")


class BrokenLater(SpanProcessor):
    """Another one."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("broken at the end")


@pytest.mark.parametrize("broken", [Broken, BrokenLater])
async def test_a_span_processor_that_raises_disturbs_no_job(
    provider: TracerProvider, broken: type[SpanProcessor], caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged."""
    provider.add_span_processor(broken())
    jobs = AsyncEndpoints("memory://")
    jobs.handler("build")(lambda: 7)
    async with jobs:
        job = (await jobs.submit("build")).job
        assert (await jobs.wait(job.job_id, 30)).state == "completed"
        await until(lambda: caplog.text.count("a span could not be recorded") == 2)


async def test_a_stored_trace_that_is_none_links_to_nothing(traces: Traces) -> None:
    """Whoever wrote it."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("build")(lambda: None)
    store = jobs.engine.store
    async with jobs:
        for trace_context in (("nonsense",), ("00-" + "0" * 32 + "-" + "0" * 16 + "-01",), ("", ""), (PARENT, "=")):
            request = with_trace(None, trace_context)
            job = NewJob(job_id=new_job_id(), handler="build", request=request)
            await store.enqueue([job])
        await until(lambda: len(traces.attempts) == 4)
    assert sorted(len(attempt.links) for attempt in traces.attempts) == [0, 0, 0, 1]


def test_a_job_keeps_all_its_members_when_it_is_traced() -> None:
    """Only the stored request is another one."""
    job = NewJob(
        job_id=new_job_id(),
        handler="build",
        queue="reports",
        priority=5,
        delay_ms=7,
        max_attempts=9,
        timeout_ms=11,
        retention_completed_ms=13,
        retention_failed_ms=17,
        scope="build\nme",
        key="my-key",
        fingerprint=b"f" * 32,
        owner="me",
        request=encode_request(StoredRequest(path="/here")),
        payload=b"{}",
        redrive_of=new_job_id(),
        origin=new_job_id(),
    )
    again = traced(job, (PARENT,))
    members = [name for name in dir(NewJob) if not name.startswith("_") and name != "another"]
    plain = NewJob(job_id=new_job_id(), handler="other")
    assert [name for name in members if getattr(job, name) == getattr(plain, name)] == []
    assert {name for name in members if getattr(job, name) != getattr(again, name)} == {"request"}
    assert again.request is not None
    assert decode_request(again.request) == StoredRequest(path="/here", trace=(PARENT,))
    assert traced(job, ()) is job


class Earlier(msgspec.Struct, array_like=True):
    """A stored request as a release without traces reads it."""

    method: str
    path: str
    route: str
    path_params: dict[str, Any]
    query: str
    headers: list[tuple[str, str]]
    values: dict[str, bytes]
    scheme: str
    root_path: str
    embed: bool | None


def test_an_earlier_release_reads_a_request_with_a_trace() -> None:
    """And this one replaces a trace by another, and reads what has none."""
    request = StoredRequest(path="/here", query="a=b", headers=[("x", "y")])
    stored = with_trace(encode_request(request), (PARENT, "vendor=1"))
    assert msgspec.msgpack.decode(stored, type=Earlier).query == "a=b"
    again = with_trace(stored, ("other",))
    assert decode_request(again) == msgspec.structs.replace(request, trace=("other",))
    assert encode_request(decode_request(again)) == again
    assert decode_request(encode_request(request)).trace == ()
