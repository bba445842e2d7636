"""Jobs in a store that is no database, submitted with the user's data: by way of an outbox, each once (SUB-4)."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, JobContext, JobNotCancelable, JobNotFound, QueueFull, StoreRefused
from asyncendpoints.doctor import diagnose
from asyncendpoints.relay import Relay
from asyncendpoints.settings import make_settings
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.stores.outbox import OutboxStats
from asyncendpoints.stores.sql.outbox import SqlOutbox
from asyncendpoints.testing import FaultyStore, VirtualClock
from tests.support.callers import KINDS, caller
from tests.support.running import PATIENCE, problem, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from asyncendpoints._core import Enqueued, NewJob
    from asyncendpoints.stores.base import Store
    from tests.transactions.conftest import Database

DAY = 24 * 3600 * 1000


@asynccontextmanager
async def application(
    database: Database, store: str | Store = "memory://", **settings: Any
) -> AsyncIterator[AsyncEndpoints]:
    """Run an application whose handler returns its payload."""
    jobs = AsyncEndpoints(store, outbox=database.url, **settings)

    @jobs.handler("work")
    async def work(job: JobContext[Any]) -> Any:
        return job.payload

    async with jobs:
        yield jobs


async def stats(jobs: AsyncEndpoints) -> OutboxStats:
    """Return what the outbox says of itself."""
    assert jobs.engine.outbox is not None
    return await jobs.engine.outbox.stats()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_committed_is_moved_and_run(database: Database, kind: str) -> None:
    """SUB-4: The commit publishes row and job, a rollback neither, and nothing stays behind in the outbox."""
    async with application(database) as jobs, caller(kind, **database.urls) as user:
        await user.write(1)
        kept = await jobs.submit("work", 1, session=user.session)
        with pytest.raises(JobNotFound):
            await jobs.get(kept.job.job_id)
        await user.commit()
        assert (await jobs.get(kept.job.job_id)).job_id == kept.job.job_id
        assert (await jobs.wait(kept.job.job_id, PATIENCE)).result == b"1"
        await user.write(2)
        lost = await jobs.submit("work", 2, session=user.session)
        await user.rollback()
        with pytest.raises(JobNotFound):
            await jobs.get(lost.job.job_id)
        assert database.numbers() == [1]
        many = await jobs.submit_many("work", range(300), session=user.session)
        await user.commit()
        for number, each in enumerate(many):
            assert (await jobs.wait(each.job.job_id, PATIENCE)).result == b"%d" % number
        # A job may have run before the relay has written that it is stored.
        async with asyncio.timeout(PATIENCE):
            while (await stats(jobs)).waiting:
                await asyncio.sleep(0)


async def test_a_redis_store_gets_what_a_database_has(sqlite: Database, redis_url: str, redis_namespace: str) -> None:
    """SUB-4: The job in Redis is the one that was submitted with the row in the database, with all that it had."""
    url = f"{redis_url}{'&' if '?' in redis_url else '?'}namespace={redis_namespace}"
    async with application(sqlite, url) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        submitted = await jobs.submit(
            "work", {"a": "ü"}, session=user.session, idempotency_key="key", priority=7, queue="default", owner="ada"
        )
        await user.commit()
        job = await jobs.wait(submitted.job.job_id, PATIENCE)
        assert (job.result, job.priority, job.owner, job.request_id) == ('{"a":"ü"}'.encode(), 7, "ada", "key")
        assert (await jobs.submit("work", {"a": "ü"}, idempotency_key="key", owner="ada")).replayed
        await jobs.engine.store.prune(limit=100, now=4_000_000_000_000)


async def test_a_job_can_be_found_and_awaited_before_it_is_moved(sqlite: Database) -> None:
    """SUB-1: The status URL that a client was given works from the commit on, also while the store is away."""
    store = FaultyStore(MemoryStore())
    async with application(sqlite, store) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        store.fail_before("enqueue", times=3)
        submitted = await jobs.submit("work", 1, session=user.session)
        await user.commit()
        seen = await jobs.get(submitted.job.job_id)
        assert (seen.job_id, seen.state, seen.version, seen.payload) == (submitted.job.job_id, "queued", 1, b"1")
        assert (await jobs.wait(submitted.job.job_id, PATIENCE)).result == b"1"


async def test_a_key_that_was_used_before_leads_to_the_earlier_job(sqlite: Database) -> None:
    """IDM-1: Decided when it is moved: whoever asks for the second job gets the first."""
    async with application(sqlite) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        first = await jobs.submit("work", 1, idempotency_key="key")
        second = await jobs.submit("work", 1, idempotency_key="key", session=user.session)
        third = await jobs.submit("work", 1, idempotency_key="key", session=user.session)
        await user.commit()
        for repeated in (second, third):
            assert not repeated.replayed
            found = await jobs.wait(repeated.job.job_id, PATIENCE)
            assert (found.job_id, found.state) == (first.job.job_id, "completed")
        await jobs.wait(first.job.job_id, PATIENCE)


async def test_a_key_of_another_submission_fails_the_job_and_stops_nobody(sqlite: Database) -> None:
    """IDM-2: The refused one is a failed job with its problem; what was committed with it is stored all the same."""
    async with application(sqlite) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        await jobs.submit("work", 1, idempotency_key="key")
        refused = await jobs.submit("work", 2, idempotency_key="key", session=user.session)
        other = await jobs.submit("work", 3, session=user.session)
        await user.commit()
        assert (await jobs.wait(other.job.job_id, PATIENCE)).result == b"3"
        failed = await jobs.wait(refused.job.job_id, PATIENCE)
        assert (failed.state, failed.request_id) == ("failed", "key")
        assert problem(failed)["type"].endswith("idempotency-key-reused")
        assert await stats(jobs) == OutboxStats(waiting=0, oldest_for=None, refused=1)
        with pytest.raises(JobNotCancelable):
            await jobs.cancel(refused.job.job_id)
        again = await jobs.redrive(refused.job.job_id)
        assert (await jobs.wait(again.job_id, PATIENCE)).result == b"2"


async def test_a_full_queue_holds_up_its_own_submissions_only(sqlite: Database) -> None:
    """SUB-2: What finds no room is moved when there is some; other queues go on; a full outbox refuses at once."""
    async with (
        application(sqlite, max_queued=2, worker=False) as jobs,
        caller("AsyncSession", **sqlite.urls) as user,
    ):
        earlier = await jobs.submit_many("work", [1, 2])
        waiting = await jobs.submit("work", 3, session=user.session)
        other = await jobs.submit("work", 4, queue="other", session=user.session)
        await jobs.submit("work", 5, session=user.session)
        with pytest.raises(QueueFull):
            await jobs.submit("work", 6, session=user.session)
        await user.commit()
        store = jobs.engine.store
        async with asyncio.timeout(PATIENCE):
            while await store.get(other.job.job_id) is None:
                await asyncio.sleep(0.01)
        assert await store.get(waiting.job.job_id) is None
        assert (await jobs.get(waiting.job.job_id)).state == "queued"
        for each in earlier:
            await jobs.cancel(each.job.job_id)
        async with asyncio.timeout(PATIENCE):
            while await store.get(waiting.job.job_id) is None:
                await asyncio.sleep(0.01)
        assert (await stats(jobs)).refused == 0


async def test_a_cancel_reaches_a_job_on_its_way(sqlite: Database) -> None:
    """CAN-1: A job that finds no room in the store yet is canceled for good."""
    async with (
        application(sqlite, max_queued=1, worker=False) as jobs,
        caller("AsyncSession", **sqlite.urls) as user,
    ):
        await jobs.submit("work", 1)
        waiting = await jobs.submit("work", 2, session=user.session)
        await user.commit()
        assert (await jobs.cancel(waiting.job.job_id)).word == "canceled"
        assert (await jobs.get(waiting.job.job_id)).state == "canceled"
        assert (await stats(jobs)).waiting == 0


class Picky(MemoryStore):
    """A store that cannot hold one payload, and that breaks over another."""

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Refuse, break, or store."""
        payloads = [job.payload for job in jobs]
        if b'"large"' in payloads:
            raise StoreRefused("it is too large")
        if b'"bug"' in payloads:
            raise ZeroDivisionError
        return await super().enqueue(jobs, max_queued=max_queued, now=now)


async def test_what_cannot_be_stored_is_told_and_kept_and_stops_nobody(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """SUB-2: One that the store refuses for good is failed; one that breaks it is tried again; the others are run."""
    async with application(sqlite, Picky()) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        large, bug, *good = [
            await jobs.submit("work", payload, session=user.session) for payload in ("large", "bug", 1, 2)
        ]
        await user.commit()
        for each in good:
            assert (await jobs.wait(each.job.job_id, PATIENCE)).state == "completed"
        failed = await jobs.wait(large.job.job_id, PATIENCE)
        assert (failed.state, problem(failed)["detail"]) == ("failed", "it is too large")
        assert (await jobs.get(bug.job.job_id)).state == "queued"
        assert (await stats(jobs)).waiting == 1
    assert f"job {large.job.job_id} cannot be stored, and is kept as failed in the outbox" in caplog.text
    assert f"job {bug.job.job_id} could not be moved" in caplog.text


async def test_a_record_that_cannot_be_read_is_told_and_kept(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """SUB-2: Damage in the outbox is a failed job, and stops nobody."""
    async with application(sqlite) as jobs, caller("Session", **sqlite.urls) as user:
        broken, good = [await jobs.submit("work", number, session=user.session) for number in (1, 2)]
        await user.run(f"UPDATE asyncendpoints_outbox SET record = x'00' WHERE job_id = '{broken.job.job_id}'")
        await user.commit()
        assert (await jobs.wait(good.job.job_id, PATIENCE)).state == "completed"
        failed = await jobs.wait(broken.job.job_id, PATIENCE)
        assert (failed.state, json.loads(failed.error or b"")["status"]) == ("failed", 500)
    assert "cannot be read any more" in caplog.text


async def test_a_delay_passes_in_the_outbox_too(sqlite: Database) -> None:
    """CLM-3: The time that a job has waited for its move is part of its delay; it is never early."""
    outbox, store, clock = SqlOutbox(sqlite.url), MemoryStore(), VirtualClock()
    await outbox.open()
    relay = Relay(store, outbox, make_settings(), clock)
    jobs = AsyncEndpoints(store, outbox=outbox, worker=False)
    jobs.handler("work")(lambda: None)
    jobs.engine.clock = clock
    async with caller("AsyncSession", **sqlite.urls) as user:
        await relay.close()
        submitted = await jobs.submit("work", delay=60.0, session=user.session)
        await user.commit()
    due_at = submitted.job.scheduled_at
    assert (await jobs.get(submitted.job.job_id)).state == "scheduled"
    clock.move_to(clock.now + 20_000)
    assert await relay.move() == 1
    moved = await store.get(submitted.job.job_id)
    assert moved is not None
    assert (moved.state, moved.scheduled_at) == ("scheduled", due_at)
    await outbox.close()
    await store.close()


async def test_what_is_kept_of_refused_and_repeated_submissions_goes(sqlite: Database) -> None:
    """RTN-1: A repeated one after a day, as its key; a refused one with the retention of failed jobs."""
    async with application(sqlite) as jobs, caller("AsyncSession", **sqlite.urls) as user:
        await jobs.submit("work", 1, idempotency_key="key")
        replayed = await jobs.submit("work", 1, idempotency_key="key", session=user.session)
        refused = await jobs.submit("work", 2, idempotency_key="key", session=user.session)
        await user.commit()
        failed = await jobs.wait(refused.job.job_id, PATIENCE)
        await jobs.wait(replayed.job.job_id, PATIENCE)
        outbox, expires_at = jobs.engine.outbox, failed.expires_at
        assert outbox is not None
        assert expires_at is not None
        assert failed.finished_at == expires_at - 7 * DAY
        assert await outbox.prune(limit=10, now=failed.finished_at) == 0
        assert await outbox.prune(limit=10, now=failed.finished_at + DAY + 60_000) == 1
        assert await outbox.prune(limit=10, now=expires_at + 1) == 1
        with pytest.raises(JobNotFound):
            await jobs.get(refused.job.job_id)


async def test_relays_share_the_work_and_take_nothing_twice(database: Database) -> None:
    """SUB-4: While one relay has entries, the other is given others."""
    outbox = SqlOutbox(database.url)
    await outbox.open()
    jobs = AsyncEndpoints("memory://", outbox=outbox, worker=False)
    jobs.handler("work")(lambda: None)
    async with caller("AsyncSession", **database.urls) as user:
        submitted = [(await jobs.submit("work", session=user.session)).job.job_id for _ in range(10)]
        await user.commit()
    first, second, third = await asyncio.gather(
        *(outbox.take(limit=5, lease_ms=60_000) for _ in range(3)),
    )
    taken = [entry.job_id for part in (first, second, third) for entry in part]
    assert sorted(taken) == sorted(submitted)
    assert await outbox.take(limit=5, lease_ms=60_000) == []
    await outbox.close()
    await jobs.engine.store.close()


async def test_a_commit_wakes_the_relay(sqlite: Database) -> None:
    """CLM-6: Nobody waits for the poll: the relay hears of a commit in its process at once."""
    outbox = SqlOutbox(sqlite.url)
    await outbox.open()
    woken: list[None] = []
    leave = outbox.subscribe(lambda: woken.append(None))
    jobs = AsyncEndpoints("memory://", outbox=outbox, worker=False)
    jobs.handler("work")(lambda: None)
    async with caller("AsyncSession", **sqlite.urls) as user:
        await jobs.submit("work", session=user.session)
        await asyncio.sleep(0.05)
        assert woken == []
        await user.commit()
        await until(lambda: woken)
    leave()
    await outbox.close()
    await jobs.engine.store.close()


async def test_doctor_tells_what_waits_and_what_was_refused(sqlite: Database) -> None:
    """What waits for long, or was refused, is a risk that is told; an outbox where all goes well is none."""
    outbox = SqlOutbox(sqlite.url)
    jobs = AsyncEndpoints("memory://", outbox=outbox, worker=False)
    jobs.handler("work")(lambda: None)
    async with caller("Session", **sqlite.urls) as user:
        await jobs.submit("work", session=user.session)
        await user.commit()
        assert (await diagnose(MemoryStore(), outbox)).risks == []
        await user.run("UPDATE asyncendpoints_outbox SET written_at = written_at - 100000")
        await user.run(
            "INSERT INTO asyncendpoints_outbox (namespace, job_id, queue, written_at, ready_at, turn, problem, record) "
            "VALUES ('default', 'x', 'default', 0, 0, 1, '{}', '')"
        )
        await user.commit()
    found = await diagnose(MemoryStore(), outbox)
    assert found.outbox is not None
    assert (found.outbox.waiting, found.outbox.refused) == (1, 1)
    assert [risk.what.partition(",")[0] for risk in found.risks] == [
        "Submissions wait in the outbox",
        "The store has refused 1 submissions of the outbox",
    ]
    assert found.exit_code == 4
    await jobs.engine.store.close()
    await outbox.close()
