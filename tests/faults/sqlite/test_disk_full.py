"""Without room a SQLite store refuses whole operations, and work goes on when there is room again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from asyncendpoints import StoreUnavailable
from tests.support.faults.invariants import assert_invariants, assert_sound
from tests.support.faults.waiting import eventually
from tests.support.faults.world import World
from tests.support.rooms import SmallDisk, SmallFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncendpoints import AsyncEndpoints
    from tests.support.rooms import Room

BYTES = 20_000
MOST = 2_000
"""More jobs of so many bytes than there is ever room for."""
SENTENCES = "there is no room left on the disk|the disk failed to read or write"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world whose file is in a directory with little room."""
    (tmp_path / "room").mkdir()
    with World(f"sqlite:///{tmp_path}/room/jobs.db", tmp_path) as one:
        yield one


@pytest.fixture(params=["a small disk", "small files"])
def room(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> Iterator[Room]:
    """Return that room. Where nobody may mount a disk, small files stand for it."""
    found: Room
    try:
        found = (
            SmallDisk(tmp_path / "room")
            if request.param == "a small disk"
            else SmallFiles(tmp_path / "room", world.pids)
        )
    except PermissionError:
        found = SmallFiles(tmp_path / "room", world.pids)
    yield found
    found.leave()


async def test_a_full_disk_refuses_and_work_goes_on_when_there_is_room(world: World, room: Room) -> None:
    """SUB-2: Without room a client gets 503 `store-unavailable` and nothing is stored; later everything runs."""
    api = world.api()
    async with world.client() as jobs, httpx.AsyncClient(timeout=60) as client:
        worker = world.worker()
        running = (await jobs.submit("work", 1.0)).job.job_id
        await eventually(lambda: world.journal.starts(running))
        accepted = [running, *await _fill(jobs, "x" * BYTES)]
        # What is left in the log between two of its ends may still be used.
        room.take()
        accepted += await _fill(jobs, "x")
        nobodys: list[str] = []
        while (refused := await client.post(api.url + "/jobs-of-nobody")).status_code == 202:
            nobodys.append(refused.json()["jobId"])
            assert len(nobodys) < MOST
        assert refused.status_code == 503, refused.text
        assert refused.json()["type"].endswith("store-unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        await assert_sound(jobs)
        # The handler ends while nothing can be written; what it returned is written when there is room.
        await eventually(lambda: world.journal.count("end")[running])

        room.give()
        taken = await client.post(api.url + "/jobs-of-nobody")
        assert taken.status_code == 202, taken.text
        for job_id in (*nobodys, taken.json()["jobId"]):
            await jobs.cancel(job_id)
            accepted.append(job_id)
        accepted += [(await jobs.submit("work", 0.01)).job.job_id for _ in range(20)]
        await assert_invariants(jobs, accepted, world.journal)
        assert worker.running
        assert "Traceback" not in worker.output
        assert "Traceback" not in api.output


async def _fill(jobs: AsyncEndpoints, payload: str) -> list[str]:
    """Submit jobs for later until there is no room for another, and return those that were taken."""
    accepted: list[str] = []
    told: str | None = None
    while told is None:
        try:
            submission = await jobs.submit("swallow", payload, delay=5.0)
        except StoreUnavailable as error:
            told = str(error)
        else:
            accepted.append(submission.job.job_id)
            assert len(accepted) < MOST, "there was always room"
    assert re.search(SENTENCES, told), told
    return accepted
