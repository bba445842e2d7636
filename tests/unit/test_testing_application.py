"""The harness serves whole applications: what a client asks for over HTTP happens on the test's clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints, JobContext

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

jobs = AsyncEndpoints()


async def shout(job: JobContext[str]) -> str:
    """Be a handler."""
    return job.payload.upper()


app = Starlette(routes=[jobs.route("/shout", shout)])
jobs.install(app)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Talk to the application in the test's own event loop."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_request_is_answered_and_its_job_runs(client: httpx.AsyncClient) -> None:
    """A submission is answered 202, its job runs when the test lets it, and the clock shows in its times."""
    async with jobs.testing() as testing:
        accepted = await client.post("/shout", json="hello")
        assert accepted.status_code == 202
        assert accepted.json()["createdAt"] == "2026-01-01T00:00:00.000Z"
        await testing.run_until_idle()
        result = await client.get(accepted.json()["resultUrl"])
        assert result.json() == "HELLO"


async def test_a_held_request_is_answered_when_its_job_ends(client: httpx.AsyncClient) -> None:
    """With `Prefer: wait` the answer comes with the job's end, and needs no move of the clock."""
    async with jobs.testing():
        answer = await client.post("/shout", json="hello", headers={"Prefer": "wait=10"})
        assert (answer.status_code, answer.json()) == (200, "HELLO")


async def test_a_held_request_is_answered_when_its_time_has_passed(client: httpx.AsyncClient) -> None:
    """A wait that nothing ends lasts as long as the clock says."""
    async with jobs.testing() as testing:
        await testing.store.pause("default", True)
        held = asyncio.create_task(client.post("/shout", json="hello", headers={"Prefer": "wait=10"}))
        await testing.advance(9.9)
        assert not held.done()
        await testing.advance(0.1)
        assert (await held).json()["status"] == "queued"


async def test_an_application_that_was_tested_still_runs_by_the_real_clock(client: httpx.AsyncClient) -> None:
    """The harness leaves nothing behind: the application serves from its own store afterwards."""
    async with jobs.testing():
        forgotten = await client.post("/shout", json="hello")
    async with jobs:
        assert (await client.get(forgotten.json()["statusUrl"])).status_code == 404
        answer = await client.post("/shout", json="hello", headers={"Prefer": "wait=10"})
        assert (answer.status_code, answer.json()) == (200, "HELLO")
        assert answer.headers["content-location"].endswith("/result")
