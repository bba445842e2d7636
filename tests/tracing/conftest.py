"""An SDK of OpenTelemetry's for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from asyncendpoints.observability import tracing
from tests.support.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Return the SDK's provider, which is the process's while the test runs."""
    made = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made)
    monkeypatch.setattr(tracing, "_absent", tracing._Absence())
    yield made
    made.shutdown()


@pytest.fixture
def traces(provider: TracerProvider) -> Traces:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Traces(exporter)
