"""The spans that a test's jobs leave, and what they say."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from asyncendpoints import AsyncEndpoints
from tests.support.running import until


class Traces:
    """The spans that have ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        """Return the spans of a kind."""
        return [span for span in self._exporter.get_finished_spans() if span.kind is kind]

    @property
    def submissions(self) -> list[ReadableSpan]:
        """Those of submissions."""
        return self.of(SpanKind.PRODUCER)

    @property
    def attempts(self) -> list[ReadableSpan]:
        """Those of attempts."""
        return self.of(SpanKind.CONSUMER)

    def named(self, name: str) -> ReadableSpan:
        """Return the one of that name."""
        (span,) = [span for span in self._exporter.get_finished_spans() if span.name == name]
        return span


def linked(span: ReadableSpan) -> list[int]:
    """Return which spans one has links to."""
    return [link.context.span_id for link in span.links]


def ids(span: ReadableSpan) -> tuple[int, int]:
    """Return a span's trace and its own id."""
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def facts(span: ReadableSpan) -> dict[str, Any]:
    """Return its attributes."""
    return dict(span.attributes or {})


async def run(jobs: AsyncEndpoints, name: str, payload: Any = None, **submit: Any) -> str:
    """Submit a job, wait for its end and for its spans, and return its id."""
    job_id = (await jobs.submit(name, payload, **submit)).job.job_id
    await jobs.wait(job_id, 30)
    await until(lambda: not (jobs.engine.worker and jobs.engine.worker._spans))
    return job_id
