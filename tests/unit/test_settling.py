"""Ends of runs that cannot be written do not keep others from being written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, JobContext, Result, StoreRefused, settling
from asyncendpoints._core import Settlement
from asyncendpoints.stores.memory import MemoryStore
from tests.support.running import ended, problem, running

if TYPE_CHECKING:
    from collections.abc import Sequence


class Picky:
    """A settlement's class that refuses one job."""

    def __init__(self, refused: list[str]) -> None:
        self.refused = refused

    def of(self, claim: Any, *arguments: Any, **options: Any) -> Settlement:
        """Make a settlement."""
        if claim.handler in self.refused:
            raise RuntimeError("it cannot be written")
        return Settlement.of(claim, *arguments, **options)


async def test_one_end_that_cannot_be_written_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, its lease is given up, and every other run is settled."""
    monkeypatch.setattr(settling, "Settlement", Picky(["bad"]))
    async with running() as jobs:

        @jobs.handler("bad")
        async def bad() -> None: ...

        @jobs.handler("good")
        async def good() -> int:
            return 7

        lost = await jobs.submit("bad")
        done = [await ended(jobs, good) for _ in range(3)]
        assert [job.state for job in done] == ["completed"] * 3
        assert (await jobs.get(lost.job.job_id)).state == "in_progress"
    assert f"job {lost.job.job_id} cannot be written" in caplog.text


class Narrow(MemoryStore):
    """Holds no result of more than ten bytes."""

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """Refuse all where one is too large."""
        for settlement in settlements:
            if len(settlement.result or b"") > 10:
                raise StoreRefused("the result is too large to be stored")
        return await super().settle(settlements, now=now)


async def test_a_result_that_the_store_refuses_for_good_fails_its_job_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The job fails with a clear error and is not repeated; what ended together with it is stored as it ended."""
    jobs = AsyncEndpoints(Narrow())
    gate = asyncio.Event()

    @jobs.handler()
    async def work(job: JobContext[int]) -> str:
        await gate.wait()
        return "x" * job.payload

    async with jobs:
        submissions = await jobs.submit_many(work, [1, 2, 300, 3])
        await asyncio.sleep(0)
        gate.set()
        ended = [await jobs.wait(each.job.job_id, 30) for each in submissions]
    assert [job.state for job in ended] == ["completed", "completed", "failed", "completed"]
    assert problem(ended[2])["type"].endswith("/result-not-serializable")
    assert (ended[2].attempt, ended[1].result) == (1, b'"xx"')
    assert "cannot hold how it ended" in caplog.text


async def test_headers_longer_than_any_server_sends_are_refused_on_every_store() -> None:
    """A result's headers are bounded before any store sees them."""
    async with running() as jobs:

        @jobs.handler()
        async def work() -> Result:
            return Result("ok", headers={"x-long": "b" * 70_000})

        job = await ended(jobs, work)
    assert job.state == "failed"
    assert problem(job)["type"].endswith("/result-not-serializable")
