"""The worker claims no more than it can run, ends every run, and gives back what it cannot finish."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import PATIENCE, ended, outcomes, running, until

if TYPE_CHECKING:
    from asyncendpoints.worker import Worker

ONCE = Retry(max_attempts=1)
TWICE = Retry(max_attempts=2, backoff=Fixed(0))


def worker_of(jobs: AsyncEndpoints) -> Worker:
    """Return the running worker."""
    worker = jobs.engine.worker
    assert worker is not None
    return worker


async def test_claims_never_exceed_the_free_slots() -> None:
    """CLM-5: With three slots, at most three jobs are in progress, and a free slot is filled."""
    gate = asyncio.Semaphore(0)
    inside = 0
    most = 0
    async with running(concurrency=3) as jobs:

        @jobs.handler
        async def work() -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await gate.acquire()
            inside -= 1

        submitted = [(await jobs.submit(work)).job.job_id for _ in range(10)]
        await until(lambda: inside == 3)
        counts = (await jobs.engine.store.stats()).counts["default"]
        assert (counts["in_progress"], counts["queued"]) == (3, 7)
        for _ in submitted:
            gate.release()
        assert {(await jobs.wait(job_id, PATIENCE)).state for job_id in submitted} == {"completed"}
        assert most == 3


async def test_plain_functions_run_in_a_bounded_number_of_threads() -> None:
    """`threads` bounds how many plain functions run at once; the rest wait for a thread."""
    gate = threading.Event()
    inside: set[str] = set()
    async with running(threads=2) as jobs:

        @jobs.handler
        def work() -> str:
            inside.add(threading.current_thread().name)
            assert gate.wait(PATIENCE)
            return threading.current_thread().name

        submitted = [(await jobs.submit(work)).job.job_id for _ in range(6)]
        await until(lambda: len(inside) == 2)
        await until(lambda: worker_of(jobs).running == 6)
        gate.set()
        results = {(await jobs.wait(job_id, PATIENCE)).result for job_id in submitted}
        assert len(results) <= 2
        assert len(inside) == 2


async def test_a_job_submitted_from_another_loop_and_thread_wakes_the_worker() -> None:
    """Submissions may come from any event loop of the process."""
    async with running() as jobs:

        @jobs.handler
        async def work() -> str:
            return threading.current_thread().name

        def elsewhere() -> str:
            return asyncio.run(jobs.submit("work")).job.job_id

        job_id = await asyncio.to_thread(elsewhere)
        assert (await jobs.wait(job_id, PATIENCE)).state == "completed"


async def test_a_handler_registered_after_the_start_is_served() -> None:
    """Its queue is listened to from then on."""
    async with running() as jobs:
        jobs.handler("late", queue="late-queue")(lambda: 1)
        assert (await ended(jobs, "late")).result == b"1"


async def test_only_the_chosen_queues_are_claimed_from() -> None:
    """With `queues`, jobs of other queues stay for other workers."""
    async with running(queues=("mine",)) as jobs:
        jobs.handler("mine", queue="mine")(lambda: 1)
        jobs.handler("other", queue="other")(lambda: 1)
        left = (await jobs.submit("other")).job
        assert (await ended(jobs, "mine")).state == "completed"
        assert (await jobs.get(left.job_id)).state == "queued"


async def test_the_worker_lives_through_a_store_that_does_not_answer() -> None:
    """Claims are tried again with growing pauses, and the ends of runs until they are accepted."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints("memory://")
    ran: list[str] = []

    @jobs.handler
    async def work(job: JobContext[None]) -> None:
        ran.append(job.job_id)

    async with Testing(jobs, store=store) as testing:
        store.fail_before("claim", 3)
        store.fail_before("settle", 2)
        store.fail_after("settle")
        job_id = (await jobs.submit(work)).job.job_id
        await testing.advance(30)
        job = await jobs.get(job_id)
        assert (job.state, outcomes(job), ran) == ("completed", ["completed"], [job_id])
        assert jobs.engine.meters.leases_lost == 0


async def test_a_claim_whose_answer_was_lost_is_given_back() -> None:
    """SUB-3: What an unanswered claim began is released, uncharged, before the next claim, and runs then."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work")(lambda: None)
    async with Testing(jobs, store=store) as testing:
        store.fail_after("claim")
        job_id = (await jobs.submit("work")).job.job_id
        await testing.advance(2)
        job = await jobs.get(job_id)
        assert (job.state, job.attempt, outcomes(job)) == ("completed", 1, ["released", "completed"])


async def test_a_defect_of_the_store_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors that no store should raise are logged with their traceback, and the work goes on."""
    store = MemoryStore()
    claim, settle = store.claim, store.settle
    broken = {"claim": 2, "settle": 2}

    def defect(name: str, method: object) -> object:
        async def call(*arguments: object, **named: object) -> object:
            if broken[name]:
                broken[name] -= 1
                raise ZeroDivisionError(name)
            return await method(*arguments, **named)  # type: ignore[operator]

        return call

    monkeypatch.setattr(store, "claim", defect("claim", claim))
    monkeypatch.setattr(store, "settle", defect("settle", settle))
    async with running(store) as jobs:
        jobs.handler("work")(lambda: None)
        assert (await ended(jobs, "work")).state == "completed"
    failures = [record for record in caplog.records if record.exc_info]
    assert len(failures) == 4


async def test_a_wake_up_that_was_lost_is_made_good_by_a_slow_poll() -> None:
    """Only a store that may lose notifications is polled, every second or two."""
    store = FaultyStore(MemoryStore(), drop_notifications=True)
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work")(lambda: None)
    async with Testing(jobs, store=store) as testing:
        job_id = (await jobs.submit("work")).job.job_id
        await testing.advance(3)
        assert (await jobs.get(job_id)).state == "completed"


async def test_an_idle_worker_does_nothing() -> None:
    """Without work there are no claims, whatever time passes, where notifications cannot be lost."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints("memory://")
    jobs.handler("work")(lambda: None)
    async with Testing(jobs, store=store) as testing:
        await testing.advance(1)
        before = store.calls["claim"]
        await testing.advance(600)
        assert store.calls["claim"] == before


async def test_finished_runs_leave_nothing_to_the_collector() -> None:
    """A finished run is freed at once, so that a busy worker does not feed the collector of cycles."""
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> str | None:
            return None if job.request_id is None else "never"

        def alive() -> int:
            kinds = Counter(type(found).__name__ for found in gc.get_objects())
            return kinds["Run"] + kinds["JobContext"]

        await ended(jobs, work)
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for _ in range(200):
                await jobs.submit(work)
            await ended(jobs, work)
            await until(lambda: worker_of(jobs).running == 0 and not worker_of(jobs).pending)
            # The loop may hold a finished task for a turn or two; what is a cycle stays for good.
            await until(lambda: alive() < before + 5)
        finally:
            gc.enable()
