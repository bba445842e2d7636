"""The sweep rescues the runs of lost workers and removes what nothing keeps any more."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, JobNotFound, Retention, Retry
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.maintenance import BATCH
from asyncendpoints.problem_types import PROBLEM_BASE
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import ended, outcomes, problem, running, until

if TYPE_CHECKING:
    from asyncendpoints.stores.base import Store

NO_RETRY = Retry(max_attempts=1)


def application(**settings: object) -> AsyncEndpoints:
    """Return an application with one handler that ends at once."""
    jobs = AsyncEndpoints("memory://", **settings)  # type: ignore[arg-type]
    jobs.handler("work", retry=Retry(3, Fixed(0)))(lambda: "done")
    return jobs


async def claim_and_vanish(store: Store, now: int, **fields: object) -> str:
    """Claim a job as a worker that is never heard of again."""
    job_id = new_job_id(now=now)
    await store.enqueue([NewJob(job_id=job_id, handler="work", queue="elsewhere", **fields)], now=now)  # type: ignore[arg-type]
    answer = await store.claim(worker="lost", claim_id=job_id, queues=["elsewhere"], limit=1, lease_ms=15_000, now=now)
    assert [claim.job_id for claim in answer.claims] == [job_id]
    return job_id


async def test_a_lost_run_is_rescued_within_lease_and_sweep() -> None:
    """RES-1: The job of a worker that stopped renewing goes back, charged, without delay; its error says why."""
    jobs = application(queues=("nothing",))
    async with Testing(jobs) as testing:
        job_id = await claim_and_vanish(testing.store, testing.clock.now)
        await testing.advance(14.9)
        assert (await jobs.get(job_id)).state == "in_progress"
        await testing.advance(7)
        job = await jobs.get(job_id)
        assert (job.state, job.attempt, outcomes(job)) == ("queued", 1, ["lost"])
        assert PROBLEM_BASE + "worker-lost" in str(job.runs[0].error)


async def test_a_job_that_lost_its_last_attempt_fails() -> None:
    """SET-3: A crash is charged, so a job that kills its workers does not go round for ever."""
    jobs = application(queues=("nothing",))
    async with Testing(jobs) as testing:
        job_id = await claim_and_vanish(testing.store, testing.clock.now, max_attempts=1)
        await testing.advance(25)
        job = await jobs.get(job_id)
        assert (job.state, outcomes(job), problem(job)["status"]) == ("failed", ["lost"], 500)
        assert problem(job)["type"] == PROBLEM_BASE + "worker-lost"


async def test_a_lost_run_whose_cancel_was_asked_for_is_canceled() -> None:
    """A cancel that reached nobody is honoured by the rescue."""
    jobs = application(queues=("nothing",))
    async with Testing(jobs) as testing:
        job_id = await claim_and_vanish(testing.store, testing.clock.now)
        await jobs.cancel(job_id)
        await testing.advance(25)
        assert (await jobs.get(job_id)).state == "canceled"


async def test_a_process_without_a_worker_sweeps_too() -> None:
    """RES-1: Any live process rescues, by its own timer."""
    store = MemoryStore()
    async with running(store, worker=False, lease_for=0.1) as jobs:
        job_id = new_job_id()
        await store.enqueue([NewJob(job_id=job_id, handler="work")])
        await store.claim(worker="lost", claim_id="1", queues=["default"], limit=1, lease_ms=50)
        job = await jobs.get(job_id)
        while job.state == "in_progress":
            job = await jobs.engine.wait(job_id, version=job.version, timeout=5)
        assert (job.state, outcomes(job)) == ("queued", ["lost"])


async def test_a_running_handler_keeps_its_job() -> None:
    """A run whose worker lives is renewed for as long as its timeout allows."""
    jobs = AsyncEndpoints("memory://")
    gate = asyncio.Event()

    @jobs.handler(timeout=3600, retry=NO_RETRY)
    async def work() -> str:
        await gate.wait()
        return "done"

    async with Testing(jobs, patience=0.01) as testing:
        job_id = (await jobs.submit(work)).job.job_id
        await testing.advance(600)
        assert (await jobs.get(job_id)).state == "in_progress"
        gate.set()
        await testing.run_until_idle()
        assert outcomes(await jobs.get(job_id)) == ["completed"]


async def test_a_handler_that_blocks_the_event_loop_keeps_its_job() -> None:
    """LSE-3a: The loop stands still for several leases, and nobody takes the run away."""
    store = FaultyStore(MemoryStore())
    async with running(store, lease_for=0.1, max_stall=60.0) as jobs:

        @jobs.handler
        async def block(job: JobContext[None]) -> int:
            time.sleep(0.5)  # noqa: ASYNC251 (that is the point)
            sweeps = store.calls["prune"]
            await until(lambda: store.calls["prune"] > sweeps)
            return job.attempt

        job = await ended(jobs, block)
        assert (job.result, outcomes(job)) == (b"1", ["completed"])


async def test_many_lost_runs_are_rescued_in_one_sweep() -> None:
    """A sweep goes on in bounded batches until nothing is left."""
    jobs = application(queues=("nothing",))
    count = 2 * BATCH + 1
    async with Testing(jobs) as testing:
        store, now = testing.store, testing.clock.now
        await store.enqueue([NewJob(job_id=new_job_id(now=now), handler="work") for _ in range(count)], now=now)
        answer = await store.claim(worker="lost", claim_id="1", queues=["default"], limit=count, lease_ms=1000, now=now)
        assert len(answer.claims) == count
        maintenance = jobs.engine.maintenance
        assert maintenance is not None
        testing.clock.advance(2)
        await maintenance.sweep()
        assert (await store.stats(now=testing.clock.now)).counts["default"]["queued"] == count


async def test_records_go_when_nothing_keeps_them() -> None:
    """RTN-1: Unkeyed jobs go at the end of their retention; keyed ones lose their result first, and go a day later."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work", retention=Retention(completed=60, failed=60))(lambda: "done")
    async with Testing(jobs) as testing:
        plain = (await jobs.submit("work")).job.job_id
        keyed = (await jobs.submit("work", idempotency_key="k")).job.job_id
        await testing.run_until_idle()
        await testing.advance(59)
        assert (await jobs.get(plain)).result == b'"done"'
        await testing.advance(10)
        with pytest.raises(JobNotFound):
            await jobs.get(plain)
        stripped = await jobs.get(keyed)
        assert (stripped.state, stripped.stripped, stripped.result) == ("completed", True, None)
        await testing.advance(86_400)
        with pytest.raises(JobNotFound):
            await jobs.get(keyed)


async def test_the_sweep_lives_through_a_store_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A failed sweep is logged and made up for by the next one."""
    caplog.set_level(logging.WARNING)
    store = FaultyStore(MemoryStore())
    jobs = application(lease_for=0.1)
    jobs.engine.store = store
    store.fail_before("expired", 2)
    store.fail_before("prune", 1)
    async with jobs:
        async with asyncio.timeout(10):
            while store.calls["prune"] < 3:
                await asyncio.sleep(0.01)
        assert (await ended(jobs, "work")).state == "completed"
    assert sum("the sweep is put off" in record.getMessage() for record in caplog.records) == 3
