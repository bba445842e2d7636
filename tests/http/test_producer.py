"""Section 7 of the HTTP contract: the generic producer `POST /jobs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext
from tests.http.conftest import named, problem_of
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Letter:
    """What the exposed handler takes."""

    to: str
    copies: int = 1


@pytest.fixture(scope="module", params=["starlette", "fastapi"])
def producer(request: pytest.FixtureRequest) -> Iterator[Serving]:
    """Serve an application with handlers that are exposed and one that is not."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler("letter", exposed=True, max_body_bytes=500)
    async def letter(job: JobContext[Letter]) -> str:
        return f"{job.payload.copies} to {job.payload.to}"

    @jobs.handler("anything", exposed=True, max_body_bytes=5000)
    async def anything(job: JobContext) -> Any:
        return job.payload

    @jobs.handler("secret")
    async def secret(job: JobContext) -> None: ...

    if request.param == "fastapi":
        from fastapi import FastAPI

        app: Any = FastAPI()
    else:
        app = Starlette()
    jobs.install(app, producer=True)
    with Serving(app) as serving:
        yield serving


def post(producer: Serving, production: Any, **headers: str) -> httpx.Response:
    """Send a production."""
    return producer.client.post("/jobs", json=production, headers=named(headers))


def test_a_production_is_a_submission(producer: Serving) -> None:
    """It names the handler, and is answered as every submission is."""
    answer = post(producer, {"type": "letter", "payload": {"to": "Ann"}, "idempotencyKey": "one"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json()["statusUrl"]
    assert answer.json()["endpoint"] == "letter"
    assert answer.json()["requestId"] == "one"
    held = post(producer, {"type": "letter", "payload": {"to": "Ann", "copies": 2}}, Prefer="wait=20")
    assert (held.status_code, held.json()) == (200, "2 to Ann")
    nothing = post(producer, {"type": "anything"}, Prefer="wait=20")
    assert nothing.status_code == 204


def test_a_delay_is_seconds(producer: Serving) -> None:
    """A delayed job is scheduled, for the time that was asked for."""
    job = post(producer, {"type": "anything", "delay": 3600.5}).json()
    assert job["status"] == "scheduled"
    assert job["scheduledAt"] == job["nextAttemptAt"]
    for delay in (-1, 1e300, "soon", True):
        problem = problem_of(post(producer, {"type": "anything", "delay": delay}), 422, "validation-failed")
        assert problem["errors"][0]["loc"][:2] == ["body", "delay"]


def test_a_key_may_stand_in_the_body_or_in_the_header(producer: Serving) -> None:
    """It makes the same submission the same job; both at once are several keys."""
    production = {"type": "letter", "payload": {"to": "Bob"}, "idempotencyKey": "two"}
    first, again = post(producer, production), post(producer, production)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["jobId"] == first.json()["jobId"]
    problem_of(post(producer, {**production, "payload": {"to": "Eve"}}), 422, "idempotency-key-reused")
    problem_of(post(producer, production, Idempotency_Key="two"), 400, "idempotency-key-invalid")
    by_header = post(producer, {"type": "letter", "payload": {"to": "Bob"}}, Idempotency_Key="three")
    assert by_header.json()["requestId"] == "three"
    for key in ("", "a b", "k" * 256, "schlüssel", "a\n"):
        problem_of(post(producer, {"type": "anything", "idempotencyKey": key}), 400, "idempotency-key-invalid")


def test_only_exposed_handlers_can_be_named(producer: Serving) -> None:
    """A handler that is not exposed looks like one that does not exist."""
    problems = [problem_of(post(producer, {"type": name}), 422, "validation-failed") for name in ("secret", "none")]
    assert problems[0] == problems[1]
    assert problems[0]["errors"][0]["loc"] == ["body", "type"]


def test_a_wrong_payload_names_its_field(producer: Serving) -> None:
    """The payload is checked against the handler's type before anything is stored."""
    problem = problem_of(post(producer, {"type": "letter", "payload": {"to": 1}}), 422, "validation-failed")
    assert problem["errors"][0]["loc"] == ["body", "payload", "to"]
    problem = problem_of(post(producer, {"type": "letter"}), 422, "validation-failed")
    assert problem["errors"][0]["loc"] == ["body", "payload"]


@pytest.mark.parametrize("production", [{}, [], None, "x", {"type": 1}, {"type": "anything", "more": 1}])
def test_a_production_has_its_members_and_no_others(producer: Serving, production: Any) -> None:
    """Everything else is 422."""
    problem_of(post(producer, production), 422, "validation-failed")


def test_refusals_are_those_of_every_endpoint(producer: Serving) -> None:
    """Size, media type and syntax; each handler's own limit counts for its payload."""
    send = producer.client.post
    problem_of(send("/jobs", content=b"{"), 400, "malformed-request")
    problem_of(send("/jobs", content=b"{}", headers={"Content-Type": "text/plain"}), 415, "unsupported-media-type")
    problem_of(send("/jobs", content=b" " * 20_000), 413, "payload-too-large")
    problem_of(post(producer, {"type": "letter", "payload": {"to": "x" * 500}}), 413, "payload-too-large")
    assert post(producer, {"type": "anything", "payload": "x" * 4000}).status_code == 202


def test_the_producer_is_opt_in() -> None:
    """Without it `POST /jobs` is nobody's."""
    app = Starlette()
    AsyncEndpoints("memory://").install(app)
    with Serving(app) as serving:
        assert serving.client.post("/jobs", json={"type": "x"}).status_code == 404
