"""Ends of runs that cannot be written do not keep others from being written."""

from __future__ import annotations

from typing import Any

import pytest

from asyncendpoints import settling
from asyncendpoints._core import Settlement
from tests.support.running import ended, running


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
