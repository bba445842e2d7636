"""The worker claims no more than it can run, ends every run, and gives back what it cannot finish."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, Fixed, JobContext, Retry
from asyncendpoints.problem_types import PROBLEM_BASE
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import PATIENCE, ended, outcomes, problem, running, until

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


async def test_a_handler_past_its_timeout_is_cancelled_and_retried() -> None:
    """The run settles as `timeout`, with handler-timeout as its problem; what the handler catches does not matter."""
    caught: list[str] = []
    jobs = AsyncEndpoints("memory://")

    @jobs.handler(timeout=5, retry=TWICE)
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            caught.append("cancelled")
        return "never"

    @jobs.handler(timeout=5, retry=TWICE)
    async def swallows() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "too late to count"

    async with jobs.testing() as testing:
        submitted = [(await jobs.submit(handler)).job.job_id for handler in (work, swallows)]
        await testing.advance(4.999)
        assert caught == []
        await testing.advance(0.001)
        assert caught == ["cancelled"]
        await testing.advance(5)
        for job_id in submitted:
            job = await jobs.get(job_id)
            assert (job.state, job.result, outcomes(job)) == ("failed", None, ["timeout", "timeout"])
            assert problem(job)["type"] == PROBLEM_BASE + "handler-timeout"
            assert (problem(job)["status"], problem(job)["detail"]) == (504, "the handler did not end within 5 s")


async def test_a_handler_that_ignores_its_timeout_keeps_its_slot(caplog: pytest.LogCaptureFixture) -> None:
    """The run is settled all the same, a warning names the job, and the slot is free when the handler ends."""
    gate = asyncio.Event()
    jobs = AsyncEndpoints("memory://", concurrency=1)

    @jobs.handler(timeout=1, retry=ONCE)
    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await gate.wait()
        await gate.wait()

    jobs.handler("next")(lambda: 1)
    async with jobs.testing() as testing:
        job_id = (await jobs.submit(stubborn, priority=1)).job.job_id
        after = (await jobs.submit("next")).job.job_id
        await testing.advance(1)
        assert (await jobs.get(job_id)).state == "in_progress"
        await testing.advance(1)
        assert outcomes(await jobs.get(job_id)) == ["timeout"]
        assert (await jobs.get(after)).state == "queued"
        (warning,) = [record for record in caplog.records if "goes on although" in record.getMessage()]
        assert (warning.levelno, vars(warning)["job_id"]) == (logging.WARNING, job_id)
        gate.set()
        await testing.run_until_idle()
        assert (await jobs.get(after)).state == "completed"


async def test_a_plain_function_past_its_timeout_keeps_its_slot() -> None:
    """It settles as `timeout` at once, sees its flag, and frees its slot when it ends; what it returns is dropped."""
    gate = threading.Event()
    flags: list[bool] = []
    async with running(concurrency=1) as jobs:

        @jobs.handler(timeout=0.05, retry=ONCE)
        def slow(job: JobContext[None]) -> str:
            assert gate.wait(PATIENCE)
            flags.append(job.cancel_requested)
            return "too late to count"

        jobs.handler("next")(lambda: 1)
        job = await ended(jobs, slow)
        assert (job.state, job.result, outcomes(job)) == ("failed", None, ["timeout"])
        after = (await jobs.submit("next")).job.job_id
        assert worker_of(jobs).running == 1
        gate.set()
        assert (await jobs.wait(after, PATIENCE)).state == "completed"
        assert flags == [True]


async def test_a_plain_function_that_got_no_thread_in_time_is_never_begun() -> None:
    """Its timeout counts from the claim."""
    gate = threading.Event()
    occupied = threading.Event()
    begun: list[str] = []
    async with running(threads=1) as jobs:

        @jobs.handler
        def first() -> None:
            occupied.set()
            assert gate.wait(PATIENCE)

        @jobs.handler(timeout=0.05, retry=ONCE)
        def second(job: JobContext[None]) -> None:
            begun.append(job.job_id)

        blocking = (await jobs.submit(first)).job.job_id
        await until(occupied.is_set)
        assert outcomes(await ended(jobs, second)) == ["timeout"]
        gate.set()
        assert (await jobs.wait(blocking, PATIENCE)).state == "completed"
        await until(lambda: worker_of(jobs).running == 0)
        assert begun == []


async def test_a_cancel_reaches_a_running_handler() -> None:
    """CAN-2: An asynchronous handler is cancelled; the run ends as `canceled`, and is not retried."""
    begun = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work() -> None:
            begun.set()
            await asyncio.Event().wait()

        job_id = (await jobs.submit(work)).job.job_id
        await begun.wait()
        asked = time.monotonic()
        answer = await jobs.cancel(job_id)
        assert (answer.word, answer.job and answer.job.state) == ("requested", "in_progress")
        job = await jobs.wait(job_id, PATIENCE)
        assert time.monotonic() - asked < 1.0
        assert (job.state, outcomes(job), job.error) == ("canceled", ["canceled"], None)


async def test_a_cancel_raises_the_flag_of_a_plain_function() -> None:
    """What it returns afterwards counts; a function that stops by raising is canceled."""
    begun = threading.Event()
    async with running() as jobs:

        def wait_for_flag(job: JobContext[bool]) -> str:
            begun.set()
            until_time = time.monotonic() + PATIENCE
            while not job.cancel_requested and time.monotonic() < until_time:
                time.sleep(0.001)
            if job.payload:
                raise InterruptedError
            return "finished anyway"

        jobs.handler("work")(wait_for_flag)
        for raises, state in ((True, "canceled"), (False, "completed")):
            begun.clear()
            job_id = (await jobs.submit("work", raises)).job.job_id
            await asyncio.to_thread(begun.wait, PATIENCE)
            await jobs.cancel(job_id)
            assert (await jobs.wait(job_id, PATIENCE)).state == state


async def test_a_handler_that_returns_in_spite_of_a_cancel_has_completed() -> None:
    """Swallowing the cancellation is allowed; raising anything after it is `canceled`, not retried."""
    begun = asyncio.Event()
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[str]) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                assert job.cancel_requested
                if job.payload == "raise":
                    raise ValueError("while stopping") from None
            return "finished anyway"

        for payload, state, outcome in (("return", "completed", "completed"), ("raise", "canceled", "canceled")):
            begun.clear()
            job_id = (await jobs.submit(work, payload)).job.job_id
            await begun.wait()
            await jobs.cancel(job_id)
            job = await jobs.wait(job_id, PATIENCE)
            assert (job.state, outcomes(job)) == (state, [outcome])


async def test_a_handler_may_cancel_its_own_job() -> None:
    """It hears of it at its next await."""
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> None:
            await jobs.cancel(job.job_id)
            await asyncio.Event().wait()

        assert (await ended(jobs, work)).state == "canceled"


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
        assert worker_of(jobs).stale_settlements == 0


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


async def test_a_drain_lets_handlers_end_within_the_grace() -> None:
    """SHD-1: No more claims; what runs may end and counts."""
    gate = asyncio.Event()
    async with running(concurrency=1) as jobs:

        @jobs.handler
        async def work() -> str:
            await gate.wait()
            return "done"

        submitted = [(await jobs.submit(work)).job.job_id for _ in range(2)]
        await until(lambda: worker_of(jobs).running == 1)
        draining = asyncio.create_task(jobs.engine.drain(PATIENCE))
        await until(lambda: jobs.engine.draining)
        gate.set()
        await draining
        assert worker_of(jobs).running == 0
        await jobs.engine.close()
        await jobs.engine.store.open()
        assert {(await jobs.get(job_id)).state for job_id in submitted} == {"completed", "queued"}


async def test_what_runs_after_the_grace_is_released_uncharged() -> None:
    """SHD-1: Handlers are cancelled, plain functions told, and their runs given back for somebody else."""
    gate = threading.Event()
    async with running() as jobs:

        @jobs.handler
        async def on_loop() -> None:
            await asyncio.Event().wait()

        @jobs.handler
        async def wraps() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise OSError("the connection was cancelled") from None

        @jobs.handler
        def in_thread() -> None:
            assert gate.wait(PATIENCE)

        submitted = [(await jobs.submit(handler)).job.job_id for handler in (on_loop, wraps, in_thread)]
        await until(lambda: worker_of(jobs).running == 3)
        await jobs.stop(grace=0)
        gate.set()
        await jobs.engine.store.open()
        for job_id in submitted:
            job = await jobs.get(job_id)
            assert (job.state, job.attempt, outcomes(job)) == ("queued", 0, ["released"])


async def test_a_handler_that_returns_while_it_is_released_has_completed() -> None:
    """Work that is done is not given back."""
    async with running() as jobs:

        @jobs.handler
        async def work() -> str:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return "saved"

        job_id = (await jobs.submit(work)).job.job_id
        await until(lambda: worker_of(jobs).running == 1)
        await jobs.stop(grace=0)
        await jobs.engine.store.open()
        job = await jobs.get(job_id)
        assert (job.state, job.result) == ("completed", b'"saved"')


async def test_the_second_signal_ends_the_grace() -> None:
    """SHD-1: `release_now` gives back at once what still runs."""
    async with running() as jobs:

        @jobs.handler
        async def work() -> None:
            await asyncio.Event().wait()

        job_id = (await jobs.submit(work)).job.job_id
        await until(lambda: worker_of(jobs).running == 1)
        draining = asyncio.create_task(jobs.stop(grace=3600))
        await until(lambda: jobs.engine.draining)
        jobs.engine.release_now()
        async with asyncio.timeout(PATIENCE):
            await draining
        await jobs.engine.store.open()
        assert outcomes(await jobs.get(job_id)) == ["released"]


async def test_finished_runs_leave_nothing_to_the_collector() -> None:
    """A finished run is freed at once, so that a busy worker does not feed the collector of cycles."""
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> str | None:
            return None if job.request_id is None else "never"

        await ended(jobs, work)
        gc.collect()
        gc.disable()
        try:
            for _ in range(200):
                await jobs.submit(work)
            await ended(jobs, work)
            await until(lambda: worker_of(jobs).running == 0)
            kinds = Counter(type(found).__name__ for found in gc.get_objects())
        finally:
            gc.enable()
        assert kinds["Run"] < 5
        assert kinds["JobContext"] < 5
