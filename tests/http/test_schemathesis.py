"""The demo's OpenAPI document, fed to a generator of requests, brings no server error to light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from examples.demo.app import app
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 40
"""For each operation: enough for every parameter to be wrong in every way that the generator knows."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the demo."""
    place = {"DEMO_FILE": str(tmp_path_factory.mktemp("demo") / "demo.db")}
    with Server.uvicorn("examples.demo.app:app", "--log-level", "info", environment=place) as server:
        yield server


schema = schemathesis.openapi.from_dict(app.openapi())


def test_the_document_is_the_served_one(demo: Server) -> None:
    """What the generator reads is what the running server shows."""
    assert httpx.get(f"{demo.url}/openapi.json").json() == app.openapi()


@pytest.fixture(scope="module")
def ended(demo: Server) -> list[str]:
    """Return the ids of a completed, a failed and a canceled job."""
    wait = {"Prefer": "wait=30"}
    with httpx.Client(base_url=demo.url, timeout=60.0) as client:
        completed = client.post("/profiles", files={"file": ("a.csv", b"a\n1\n")}, headers=wait)
        failed = client.post("/payments", json={"amount": 10**6}, headers={**wait, "Idempotency-Key": "declined"})
        canceled = client.post("/customers/1/reports", json={"title": "x", "pages": 20})
        assert client.post(canceled.headers["location"] + "/cancel").is_success
        urls = [answer.headers["content-location"].removesuffix("/result") for answer in (completed, failed)]
        urls.append(canceled.headers["location"])
        states = [client.get(url, headers=wait).json()["status"] for url in urls]
    assert states == ["completed", "failed", "canceled"]
    return [url.rpartition("/")[2] for url in urls]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_fail(case: schemathesis.Case, demo: Server, ended: list[str]) -> None:
    """Whatever is sent, also about jobs that exist, is answered below 500; but a result has its problem's status."""
    refuse_server_errors(case, case.call(base_url=demo.url))
    if "job_id" in case.path_parameters:
        for job_id in ended:
            case.path_parameters["job_id"] = job_id
            refuse_server_errors(case, case.call(base_url=demo.url))


def refuse_server_errors(case: schemathesis.Case, answer: schemathesis.Response) -> None:
    """Fail where an answer is a server error that the contract does not know."""
    if not case.operation.path.endswith("/result"):
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"


def test_the_server_has_logged_no_error(demo: Server) -> None:
    """After all that, the server's log holds no traceback of a request."""
    assert "Exception in ASGI application" not in demo.output
