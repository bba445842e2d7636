"""The demo's OpenAPI document, fed to a generator of requests, brings no server error to light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 40
"""For each operation: enough for every parameter to be wrong in every way that the generator knows."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    """Serve the demo."""
    with Server.uvicorn("examples.demo.app:app", "--log-level", "info") as server:
        yield server


@pytest.fixture(scope="module")
def demo_schema(demo: Server) -> Any:
    """Load the demo's own OpenAPI document from the running server."""
    return schemathesis.openapi.from_url(f"{demo.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("demo_schema")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_fail(case: schemathesis.Case) -> None:
    """Whatever is sent, the answer is below 500; a failed job's result has the status of its problem."""
    answer = case.call()
    if case.operation.path.endswith("/result"):
        return
    assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"


def test_the_server_has_logged_no_error(demo: Server) -> None:
    """After all that, the server's log holds no traceback of a request."""
    assert "Exception in ASGI application" not in demo.output
