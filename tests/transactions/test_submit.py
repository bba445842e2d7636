"""A job that is submitted in the user's own transaction is stored if that is committed, and only then (SUB-4)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import (
    AsyncEndpoints,
    BatchRefused,
    IdempotencyKeyReused,
    JobContext,
    JobNotFound,
    QueueFull,
)
from asyncendpoints.stores.sql import commits, submitting
from tests.support.callers import KINDS, caller
from tests.support.running import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.transactions.conftest import Database


class Told:
    """A listener that counts how often it was woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        """Count."""
        self.wakes += 1

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """Hear nothing of cancels."""


@asynccontextmanager
async def application(database: Database, **settings: Any) -> AsyncIterator[AsyncEndpoints]:
    """Run an application whose handler returns its payload."""
    jobs = AsyncEndpoints(database.url, **settings)

    @jobs.handler("work")
    async def work(job: JobContext[int]) -> int:
        return job.payload

    async with jobs:
        yield jobs


async def is_stored(jobs: AsyncEndpoints, job_id: str) -> bool:
    """Tell whether everybody can see the job."""
    try:
        await jobs.get(job_id)
    except JobNotFound:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
async def test_a_commit_publishes_both_and_a_rollback_neither(database: Database, kind: str) -> None:
    """SUB-4: Row and job are there together or not at all; a worker has the job after the commit, not before."""
    async with application(database) as jobs, caller(kind, **database.urls) as user:
        await user.write(1)
        kept = await jobs.submit("work", 1, session=user.session)
        assert (kept.replayed, kept.job.state) == (False, "queued")
        assert not await is_stored(jobs, kept.job.job_id)
        await user.commit()
        assert (await jobs.wait(kept.job.job_id, PATIENCE)).result == b"1"
        await user.write(2)
        lost = await jobs.submit("work", 2, session=user.session)
        await user.rollback()
        assert not await is_stored(jobs, lost.job.job_id)
        assert database.numbers() == [1]
        first = await jobs.submit("work", 3, session=user.session)
        await user.write(3)
        await user.commit()
        assert (await jobs.wait(first.job.job_id, PATIENCE)).result == b"3"
        assert database.numbers() == [1, 3]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_savepoint_takes_back_what_was_submitted_in_it(database: Database, kind: str) -> None:
    """SUB-4: Rolled back to a savepoint, the jobs since then are gone; those before are stored with the commit."""
    async with application(database) as jobs, caller(kind, **database.urls) as user:
        await user.write(1)
        kept = await jobs.submit("work", 1, session=user.session)
        roll_back = await user.savepoint()
        await user.write(2)
        lost = await jobs.submit("work", 2, session=user.session)
        await roll_back()
        await user.commit()
        assert (await jobs.wait(kept.job.job_id, PATIENCE)).state == "completed"
        assert not await is_stored(jobs, lost.job.job_id)
        assert database.numbers() == [1]


@pytest.mark.parametrize("kind", KINDS)
async def test_workers_are_woken_by_the_commit_alone(database: Database, kind: str) -> None:
    """CLM-6: Nobody is woken while the transaction is open, nor by a rollback; the commit wakes at once."""
    async with application(database, worker=False) as jobs, caller(kind, **database.urls) as user:
        told = Told()
        leave = jobs.engine.store.subscribe("somebody", ["default"], told)
        for end in (user.rollback, user.commit):
            await jobs.submit("work", 1, session=user.session)
            await asyncio.sleep(0.05)
            assert told.wakes == 0
            await end()
        await until(lambda: told.wakes)
        leave()


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_mean_what_they_always_do(database: Database, kind: str) -> None:
    """IDM-1, IDM-2: Replays and conflicts are found in and outside of the transaction, which goes on after them."""
    async with application(database) as jobs, caller(kind, **database.urls) as user:
        stored = await jobs.submit("work", 1, idempotency_key="stored")
        await user.write(1)
        again = await jobs.submit("work", 1, idempotency_key="stored", session=user.session)
        assert (again.replayed, again.job.job_id) == (True, stored.job.job_id)
        with pytest.raises(IdempotencyKeyReused):
            await jobs.submit("work", 2, idempotency_key="stored", session=user.session)
        new = await jobs.submit("work", 3, idempotency_key="new", session=user.session)
        same = await jobs.submit("work", 3, idempotency_key="new", session=user.session)
        assert (same.replayed, same.job.job_id) == (True, new.job.job_id)
        with pytest.raises(IdempotencyKeyReused):
            await jobs.submit("work", 4, idempotency_key="new", session=user.session)
        await user.write(2)
        await user.commit()
        assert database.numbers() == [1, 2]
        assert (await jobs.wait(new.job.job_id, PATIENCE)).result == b"3"
        after = await jobs.submit("work", 3, idempotency_key="new")
        assert (after.replayed, after.job.job_id) == (True, new.job.job_id)


async def test_a_key_is_free_again_after_a_rollback(database: Database) -> None:
    """SUB-2: What was not committed has not used its key."""
    async with application(database) as jobs, caller("AsyncSession", **database.urls) as user:
        await jobs.submit("work", 1, idempotency_key="key", session=user.session)
        await user.rollback()
        assert not (await jobs.submit("work", 2, idempotency_key="key")).replayed


@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_queue_refuses_and_the_transaction_goes_on(database: Database, kind: str) -> None:
    """SUB-2: `max_queued` bounds what waits, with what the transaction itself has added."""
    async with (
        application(database, max_queued=2, worker=False) as jobs,
        caller(kind, **database.urls) as user,
    ):
        await jobs.submit("work", 1)
        await user.write(1)
        await jobs.submit("work", 2, session=user.session)
        with pytest.raises(QueueFull):
            await jobs.submit("work", 3, session=user.session)
        with pytest.raises(BatchRefused) as refused:
            await jobs.submit_many("work", [4, 5], session=user.session)
        assert list(refused.value.refusals) == [0, 1]
        await user.commit()
        assert (await jobs.engine.store.stats()).counts["default"]["queued"] == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_many_are_one_transaction(database: Database, kind: str) -> None:
    """SUB-4: More than one call's worth of jobs is stored by one commit, and none of them by a rollback."""
    async with application(database) as jobs, caller(kind, **database.urls) as user:
        await jobs.submit_many("work", range(450), session=user.session)
        await user.rollback()
        assert (await jobs.engine.store.stats()).counts == {}
        submitted = await jobs.submit_many("work", range(450), session=user.session)
        await user.commit()
        ended = [await jobs.wait(each.job.job_id, PATIENCE) for each in submitted]
        assert [job.result for job in ended] == [b"%d" % number for number in range(450)]


async def test_a_delayed_job_waits_from_its_submission(database: Database) -> None:
    """CLM-3: A job that is due later is scheduled by the commit."""
    async with application(database) as jobs, caller("AsyncSession", **database.urls) as user:
        submitted = await jobs.submit("work", 1, delay=60.0, session=user.session)
        await user.commit()
        job = await jobs.get(submitted.job.job_id)
        assert (job.state, job.scheduled_at) == ("scheduled", submitted.job.scheduled_at)


async def test_a_handler_submits_in_its_own_transaction(database: Database) -> None:
    """SUB-4, IDM-1: A handler that is run again after its commit finds its key, and submits nothing twice."""
    jobs = AsyncEndpoints(database.url)
    runs: list[int] = []

    @jobs.handler("second")
    async def second(job: JobContext[int]) -> None:
        runs.append(job.payload)

    @jobs.handler("first")
    async def first(job: JobContext[int]) -> bool:
        async with caller("AsyncSession", **database.urls) as user:
            await user.write(job.payload)
            key = f"{job.job_id}/second"
            submitted = await jobs.submit("second", job.payload, idempotency_key=key, session=user.session)
            await user.commit()
        if job.attempt == 1:
            raise ConnectionError
        return submitted.replayed

    async with jobs:
        job = await jobs.wait((await jobs.submit("first", 7)).job.job_id, PATIENCE)
        assert (job.attempt, job.result) == (2, b"true")
        await until(lambda: runs)
    assert runs == [7]


async def test_what_the_database_refuses_leaves_the_transaction_usable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUB-4: An error after the job has been written costs the job, and not what the user has written."""
    write = submitting.enqueue

    def failing(tx: Any, *args: Any, **options: Any) -> Any:
        assert write(tx, *args, **options)
        tx.connection.exec_driver_sql("SELECT * FROM there_is_no_such_table")

    async with application(database) as jobs, caller("AsyncSession", **database.urls) as user:
        await user.write(1)
        monkeypatch.setattr(submitting, "enqueue", failing)
        with pytest.raises(Exception, match="table"):
            await jobs.submit("work", 1, session=user.session)
        monkeypatch.undo()
        assert await user.numbers() == [1]
        await user.commit()
        assert database.numbers() == [1]
        assert (await jobs.engine.store.stats()).counts == {}


async def test_transactions_that_are_given_up_are_not_looked_for_for_ever(sqlite: Database) -> None:
    """CLM-6: A connection that says that it commits, and does not, ends the looks after a while."""
    async with application(sqlite, worker=False) as jobs, caller("Connection", **sqlite.urls) as user:
        looks = 0

        async def look(_: Any) -> bool:
            nonlocal looks
            looks += 1
            return False

        expected = commits.Commits(look)
        await jobs.submit("work", 1, session=user.session)
        expected.expect(user.session, asyncio.get_running_loop(), None)
        await user.commit()
        async with asyncio.timeout(PATIENCE):
            while looks < len(commits.PAUSES):
                await asyncio.sleep(0.01)
        await until(lambda: not expected._looking)
        assert looks == len(commits.PAUSES)
