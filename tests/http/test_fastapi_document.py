"""What the OpenAPI document promises is what a server answers, whatever generated requests ask."""

# The functions here are data of the tests, written as users write them; FastAPI reads their annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
import schemathesis
from fastapi import FastAPI, Form, UploadFile
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from asyncendpoints import AsyncEndpoints, JobContext, JobError, Result, Retry
from tests.http.serving import Serving
from tests.support.fastapi_jobs import finished

if TYPE_CHECKING:
    from collections.abc import Iterator

# The server runs in this process, and its threads use `random` while Hypothesis draws.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Order(BaseModel):
    """A body."""

    name: str
    count: int = 1


class Report(BaseModel):
    """A result."""

    total: int
    lines: list[Order]


def make_app() -> FastAPI:
    app = FastAPI()
    jobs = AsyncEndpoints("memory://", max_wait=1)
    jobs.install(app, producer=True, health=True)
    once = jobs.endpoint(retry=Retry(max_attempts=1))

    @app.post("/reports/{number}")
    @jobs.endpoint(retry=Retry(max_attempts=1), exposed=True, name="report")
    async def report(order: Order, job: JobContext[Any], number: int = 1) -> Report:
        await job.progress(50, "half")
        if order.count < 0:
            raise JobError("Too few", status=409)
        return Report(total=order.count, lines=[order])

    @app.post("/files")
    @once
    async def files(file: UploadFile, note: Annotated[str, Form()] = "") -> dict[str, int]:
        return {note: file.size or 0}

    @app.put("/fails")
    @once
    async def fails() -> None:
        raise ValueError("always")

    @app.patch("/texts")
    @jobs.endpoint(require_idempotency_key=True)
    async def texts() -> Result:
        return Result("a,b", media_type="text/csv", headers={"X-Rows": "1"})

    return app


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    """Serve the application, with jobs in every state that ends."""
    load_all_checks()
    with Serving(make_app()) as serving:
        yield serving


@pytest.fixture(scope="module")
def document(served: Serving) -> Any:
    """Load the document from the server."""
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


OPERATIONS = [(path, method) for path, item in make_app().openapi()["paths"].items() for method in item]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda one: one)
def test_every_answer_is_as_documented(document: Any, path: str, method: str) -> None:
    """Status, media type, headers and body of each answer are in the document."""

    @settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method.upper()].as_strategy())
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


@pytest.fixture(scope="module")
def made(served: Serving) -> dict[str, str]:
    """Submit one job of each kind, and return their ids when they have ended."""
    client = served.client
    answers = {
        "report": client.post("/reports/1", json={"name": "n"}),
        "refused": client.post("/reports/1", json={"name": "n", "count": -1}),
        "file": client.post("/files", files={"file": b"1"}),
        "failed": client.put("/fails"),
        "text": client.patch("/texts", headers={"Idempotency-Key": "k"}),
    }
    return {name: finished(served, answer)["jobId"] for name, answer in answers.items()}


@pytest.mark.parametrize("kind", ["report", "refused", "file", "failed", "text"])
@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/jobs/{job_id}", "GET"),
        ("/jobs/{job_id}/result", "GET"),
        ("/jobs/{job_id}/events", "GET"),
        ("/jobs/{job_id}/cancel", "POST"),
        ("/jobs/{job_id}", "DELETE"),
    ],
)
def test_the_answers_about_jobs_are_as_documented(
    document: Any, made: dict[str, str], kind: str, path: str, method: str
) -> None:
    """Ended jobs of every kind are described by the document too."""
    case = document[path][method].Case(path_parameters={"job_id": made[kind]})
    case.call_and_validate(checks=CHECKS)
