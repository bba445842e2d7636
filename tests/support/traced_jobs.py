"""A traced application for a server and a worker process; each writes its spans to a file that the test names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry

if TYPE_CHECKING:
    from collections.abc import Sequence


class Notes(SpanExporter):
    """Appends each span to a file, as a line of JSON."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans."""
        with Path(os.environ["JOBS_SPANS"]).open("a", encoding="utf-8") as file:
            file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Notes()))
trace.set_tracer_provider(provider)

jobs = AsyncEndpoints(os.environ["JOBS_STORE"], namespace=os.environ["JOBS_NAMESPACE"], worker=False)
# What traces requests is the application's affair: FastAPI does by itself, from 0.165 on.
app = FastAPI()
jobs.install(app)


@app.post("/greetings/{name}")
@jobs.endpoint(retry=Retry(max_attempts=2, backoff=Fixed(0)))
async def greet(name: str, job: JobContext) -> str:
    """Fail at first, then greet."""
    with trace.get_tracer("application").start_as_current_span("inside"):
        if job.attempt == 1:
            raise RuntimeError("not yet")
    return f"hello {name}"
