"""Relays that are killed at the worst moments lose nothing and move nothing twice (SUB-4)."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from asyncendpoints.stores.base import JobFilter
from tests.support.outbox_process import application, submit
from tests.support.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 60.0
FAR = 4_000_000_000_000


@pytest.fixture
def redis(redis_url: str, redis_namespace: str) -> str:
    """Return the URL of a namespace of the test's own."""
    return f"{redis_url}{'&' if '?' in redis_url else '?'}namespace={redis_namespace}"


@pytest.fixture
def relay(tmp_path: Path, redis: str) -> Callable[[str], Process]:
    """Return a starter of processes that end at a named point."""

    def start(point: str) -> Process:
        command = [sys.executable, "-m", "tests.support.outbox_process", tmp_path / "app.db", redis, point]
        return Process(command, log=tmp_path / f"{point}.log")

    return start


@pytest.mark.parametrize("point", ["commit", "enqueue"])
async def test_a_killed_relay_leaves_its_work_to_the_next(
    tmp_path: Path, redis: str, relay: Callable[[str], Process], point: str
) -> None:
    """SUB-4: Killed between commit and move, or between enqueue and removal, each job runs once."""
    with relay(point) as process:
        assert await asyncio.to_thread(process.wait) == -signal.SIGKILL, process.output
        ids = process.output.split()
    assert len(ids) == 20
    jobs = application(str(tmp_path / "app.db"), redis)
    async with jobs:
        assert jobs.outbox is not None
        for number, job_id in enumerate(ids):
            job = await jobs.wait(job_id, PATIENCE)
            assert (job.state, job.result, len(job.runs)) == ("completed", b"%d" % number, 1)
        async with asyncio.timeout(PATIENCE):
            while (await jobs.outbox.stats()).waiting:
                await asyncio.sleep(0.05)
        assert len((await jobs.engine.store.list(JobFilter(), limit=1000)).jobs) == 20
        await jobs.engine.store.prune(limit=1000, now=FAR)


async def test_a_thousand_commits_and_rollbacks_with_two_relays(
    tmp_path: Path, redis: str, relay: Callable[[str], Process]
) -> None:
    """SUB-4: Of 1,000 transactions exactly the committed ones are run, once each, while relays come and go."""
    database = str(tmp_path / "app.db")
    jobs = application(database, redis)
    random.seed(4)
    committed: dict[str, int] = {}
    rolled_back: list[str] = []
    engine = create_async_engine(f"sqlite+aiosqlite:///{database}")

    async def transactions(numbers: range) -> None:
        async with AsyncSession(engine) as session:
            for number in numbers:
                job_id = (await jobs.submit("mark", number, session=session)).job.job_id
                if random.random() < 0.5:
                    await session.commit()
                    committed[job_id] = number
                else:
                    await session.rollback()
                    rolled_back.append(job_id)

    async with jobs:
        with relay("never") as other:
            await asyncio.gather(*(transactions(range(start, start + 250)) for start in range(0, 500, 250)))
            other.kill()
        with relay("never"):
            await asyncio.gather(*(transactions(range(start, start + 250)) for start in range(500, 1000, 250)))
            for job_id, number in committed.items():
                job = await jobs.wait(job_id, PATIENCE)
                assert job.result == b"%d" % number
                assert [run.outcome for run in job.runs if run.outcome != "lost"] == ["completed"]
            for job_id in rolled_back:
                assert await jobs.engine.store.get(job_id) is None
            assert len(committed) + len(rolled_back) == 1000
            stats = await jobs.engine.store.stats()
            assert sum(sum(states.values()) for states in stats.counts.values()) == len(committed)
        await jobs.engine.store.prune(limit=1000, now=FAR)
    await engine.dispose()


async def test_what_is_submitted_before_a_start_is_moved_after_it(tmp_path: Path, redis: str) -> None:
    """SUB-4: A process that only submits leaves its work to whoever starts."""
    database = str(tmp_path / "app.db")
    quiet = application(database, redis, worker=False)
    ids = await submit(quiet, database, range(3))
    await quiet.engine.store.close()
    assert quiet.outbox is not None
    await quiet.outbox.close()
    jobs = application(database, redis)
    async with jobs:
        for job_id in ids:
            assert (await jobs.wait(job_id, PATIENCE)).state == "completed"
        await jobs.engine.store.prune(limit=1000, now=FAR)
