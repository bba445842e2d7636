"""A side effect in `once` happens at most once over all attempts (EFF-1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asyncendpoints import AsyncEndpoints, EffectUncertain, Fixed, JobContext, Retry
from asyncendpoints.problem_types import PROBLEM_BASE
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing
from tests.support.running import ended, outcomes, problem, running, until

THRICE = Retry(max_attempts=3, backoff=Fixed(0))


class Provider:
    """Somebody outside, who counts what happens."""

    def __init__(self) -> None:
        self.charges = 0

    async def charge(self) -> dict[str, int]:
        """Take money."""
        await asyncio.sleep(0)
        self.charges += 1
        return {"receipt": self.charges}


async def test_an_effect_runs_once_over_all_attempts() -> None:
    """EFF-1: Later attempts get the recorded value."""
    provider = Provider()
    values: list[Any] = []
    async with running() as jobs:

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> int:
            values.append(await job.once("charge", provider.charge))
            if job.attempt < 3:
                raise ConnectionError
            return job.attempt

        job = await ended(jobs, pay)
        assert (job.state, job.result) == ("completed", b"3")
        assert (provider.charges, values) == (1, [{"receipt": 1}] * 3)


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": 1.5}])
async def test_a_value_comes_back_as_json_the_first_time_too(value: Any) -> None:
    """What later attempts get is what the first one got; None is a value."""
    values: list[Any] = []
    calls: list[int] = []
    async with running() as jobs:

        @jobs.handler(retry=THRICE)
        async def work(job: JobContext[None]) -> None:
            values.append(await job.once("key", lambda: calls.append(1) or value))
            if job.attempt == 1:
                raise ConnectionError

        await ended(jobs, work)
        assert (values, len(calls)) == ([value, value], 1)


async def test_tuples_become_lists_at_once() -> None:
    """A type that JSON does not know shows in the first attempt, and not only in the second."""
    async with running() as jobs:

        @jobs.handler
        async def work(job: JobContext[None]) -> bool:
            return await job.once("key", lambda: (1, 2)) == [1, 2]  # type: ignore[comparison-overlap]

        assert (await ended(jobs, work)).result == b"true"


async def test_different_keys_are_different_effects_and_jobs_do_not_share_them() -> None:
    """Effects are named within their job."""
    provider = Provider()
    async with running() as jobs:

        @jobs.handler
        async def pay(job: JobContext[None]) -> None:
            for key in ("a", "b", "a"):
                await job.once(key, provider.charge)

        await ended(jobs, pay)
        await ended(jobs, pay)
        assert provider.charges == 4


async def test_two_calls_at_once_with_one_key_run_it_once() -> None:
    """Within a run, calls with one key take turns."""
    provider = Provider()
    async with running() as jobs:

        @jobs.handler
        async def pay(job: JobContext[None]) -> list[Any]:
            return await asyncio.gather(*(job.once("charge", provider.charge) for _ in range(5)))

        assert (await ended(jobs, pay)).result == b"[" + b",".join([b'{"receipt":1}'] * 5) + b"]"


async def test_an_effect_that_raised_keeps_its_reservation() -> None:
    """Whether it happened is not known, so the job fails with `effect-uncertain` and is not rerun."""
    provider = Provider()
    async with running() as jobs:

        async def fails() -> None:
            await provider.charge()
            raise ConnectionError("the answer was lost")

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> None:
            await job.once("charge", fails)

        job = await ended(jobs, pay)
        assert (job.state, outcomes(job), provider.charges) == ("failed", ["error", "error"], 1)
        assert problem(job)["type"] == PROBLEM_BASE + "effect-uncertain"
        assert "'charge'" in problem(job)["detail"]


async def test_an_error_that_says_it_did_not_happen_gives_the_reservation_back() -> None:
    """`release_on` names the errors after which the effect may be tried again."""
    calls: list[int] = []
    async with running() as jobs:

        async def refused_twice() -> int:
            calls.append(1)
            if len(calls) < 3:
                raise ConnectionRefusedError
            return len(calls)

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> int:
            return await job.once("charge", refused_twice, release_on=(ConnectionRefusedError,))

        assert (await ended(jobs, pay)).result == b"3"


async def test_an_uncertain_effect_is_repeated_only_where_the_caller_chose_so() -> None:
    """`on_uncertain="retry"` takes the reservation over."""
    calls: list[int] = []
    async with running() as jobs:

        async def fails_once() -> int:
            calls.append(1)
            if len(calls) == 1:
                raise ConnectionError
            return len(calls)

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> int:
            return await job.once("charge", fails_once, on_uncertain="retry")

        assert (await ended(jobs, pay)).result == b"2"


async def test_a_handler_may_look_after_an_uncertain_effect_itself() -> None:
    """EffectUncertain can be caught."""
    async with running() as jobs:

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> str:
            try:
                return await job.once("charge", lambda: 1 // 0)
            except EffectUncertain as error:
                return f"asked the provider about {error.key}"

        assert (await ended(jobs, pay)).result == b'"asked the provider about charge"'


async def test_a_value_that_is_not_json_fails_the_job() -> None:
    """The effect happened and cannot be recorded: nothing is tried again."""
    provider = Provider()
    async with running() as jobs:

        async def opaque() -> object:
            await provider.charge()
            return object()

        @jobs.handler(retry=THRICE)
        async def pay(job: JobContext[None]) -> None:
            await job.once("charge", opaque)

        job = await ended(jobs, pay)
        assert (outcomes(job), provider.charges) == (["error"], 1)
        assert problem(job)["type"] == PROBLEM_BASE + "result-not-serializable"


async def test_a_plain_function_has_blocking_twins() -> None:
    """`from_thread.once` runs the effect in the handler's own thread."""
    threads: list[str] = []
    async with running() as jobs:

        def effect() -> int:
            import threading

            threads.append(threading.current_thread().name)
            if len(threads) == 1:
                raise ConnectionRefusedError
            return 7

        @jobs.handler(retry=THRICE)
        def pay(job: JobContext[None]) -> int:
            value = job.from_thread.once("charge", effect, release_on=(ConnectionRefusedError,))
            if job.attempt == 2:
                raise ConnectionError
            return value

        job = await ended(jobs, pay)
        assert (job.result, outcomes(job), len(threads)) == (b"7", ["error", "error", "completed"], 2)
        assert all(name.startswith("asyncendpoints-handler") for name in threads)


async def test_an_uncertain_effect_of_a_thread_fails_the_job_too() -> None:
    """The twin has the same rules."""
    async with running() as jobs:

        @jobs.handler(retry=THRICE)
        def pay(job: JobContext[None]) -> None:
            job.from_thread.once("charge", lambda: 1 // 0)

        job = await ended(jobs, pay)
        assert outcomes(job) == ["error", "error"]
        assert problem(job)["type"] == PROBLEM_BASE + "effect-uncertain"


@pytest.mark.parametrize("arguments", [("",), ("k" * 256,), ("a\0b",), ("\ud800",), ("k", "maybe")])
async def test_a_key_or_choice_that_makes_no_sense_is_refused(arguments: tuple[Any, ...]) -> None:
    """Nothing is reserved under it."""
    async with running() as jobs:
        key, *choice = arguments

        @jobs.handler(retry=Retry(1))
        async def work(job: JobContext[None]) -> None:
            await job.once(key, lambda: 1, on_uncertain=choice[0] if choice else "fail")

        assert problem(await ended(jobs, work))["detail"].startswith("ValueError: ")


@pytest.mark.parametrize("fault", ["fail_before", "fail_after"])
@pytest.mark.parametrize("operation", ["reserve", "record"])
async def test_a_lost_reply_changes_nothing(operation: str, fault: str) -> None:
    """SUB-3: Reservations and records are repeated with their nonce until the store has answered."""
    store = FaultyStore(MemoryStore())
    provider = Provider()
    async with running(store) as jobs:

        @jobs.handler(retry=Retry(1))
        async def pay(job: JobContext[None]) -> Any:
            getattr(store, fault)(operation, 2)
            return await job.once("charge", provider.charge)

        job = await ended(jobs, pay)
        assert (job.state, job.result, provider.charges) == ("completed", b'{"receipt":1}', 1)
        assert store.faults == 2


async def test_a_worker_that_vanished_between_effect_and_record_leaves_it_uncertain() -> None:
    """EFF-1: A crash between reservation and record shows as uncertain, after the lease has been rescued."""
    jobs = AsyncEndpoints("memory://")
    begun: list[int] = []

    @jobs.handler(timeout=10, retry=THRICE)
    async def pay(job: JobContext[None]) -> None:
        async def vanish() -> None:
            begun.append(job.attempt)
            await asyncio.Event().wait()

        await job.once("charge", vanish)

    async with Testing(jobs) as testing:
        job_id = (await jobs.submit(pay)).job.job_id
        await testing.advance(60)
        job = await jobs.get(job_id)
        assert (job.state, outcomes(job), begun) == ("failed", ["timeout", "error"], [1])
        assert problem(job)["type"] == PROBLEM_BASE + "effect-uncertain"


async def test_a_redriven_job_shares_the_effects_of_the_first() -> None:
    """Effects are scoped by the origin: what has happened does not happen again in a redrive, nor in its redrive."""
    provider = Provider()
    broken = True
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def pay(job: JobContext[None]) -> Any:
            receipt = await job.once("charge", provider.charge)
            if broken:
                raise ConnectionError
            return receipt

        job = await ended(jobs, pay)
        for _ in range(2):
            job = await jobs.redrive(job.job_id)
            job = await jobs.wait(job.job_id, 5)
            assert job.state == "failed"
        broken = False
        job = await jobs.redrive(job.job_id)
        job = await jobs.wait(job.job_id, 5)
        assert (job.state, job.result, provider.charges) == ("completed", b'{"receipt":1}', 1)
        await until(lambda: jobs.engine.worker is not None and jobs.engine.worker.running == 0)


@pytest.mark.parametrize("blocking", [False, True])
async def test_the_blocking_twins_work_from_any_thread_at_any_time(blocking: bool) -> None:
    """A thread that an asynchronous handler started may ask first: what it asks for belongs to the worker's loop."""
    async with running() as jobs:

        @jobs.handler()
        async def work(job: JobContext[None]) -> Any:
            if blocking:
                return await asyncio.to_thread(job.from_thread.once, "key", lambda: 7)
            return await asyncio.to_thread(job.from_thread.progress, 50)

        job = await ended(jobs, work)
        assert (job.state, job.progress is None) == ("completed", blocking)


class SlowReserve(MemoryStore):
    """Reserves, and keeps its first answer to itself."""

    slow = True

    async def reserve(self, *arguments: Any, **options: Any) -> Any:
        """Reserve an effect."""
        answer = await super().reserve(*arguments, **options)
        if self.slow:
            self.slow = False
            await asyncio.Event().wait()
        return answer


async def test_an_effect_that_never_began_is_not_uncertain() -> None:
    """A timeout while the answer to a reservation is on its way gives it back: the next attempt runs the effect."""
    runs: list[int] = []
    jobs = AsyncEndpoints("memory://")

    @jobs.handler(retry=Retry(max_attempts=2, backoff=Fixed(0)), timeout=5)
    async def work(job: JobContext[None]) -> Any:
        return await job.once("key", lambda: runs.append(job.attempt) or job.attempt)

    async with Testing(jobs, store=SlowReserve(), patience=0.1) as testing:
        submission = await jobs.submit(work)
        await testing.advance(20)
        job = await jobs.get(submission.job.job_id)
    assert (job.state, job.result, runs) == ("completed", b"2", [2])


async def test_a_cancel_does_not_lose_the_value_of_an_effect_that_ran() -> None:
    """A handler that is cancelled while its effect is recorded has recorded it: a redrive gets the value."""
    jobs = AsyncEndpoints("memory://")
    store = FaultyStore(MemoryStore())
    runs: list[int] = []

    @jobs.handler(retry=Retry(max_attempts=2, backoff=Fixed(0)))
    async def work(job: JobContext[None]) -> Any:
        effect = asyncio.create_task(job.once("key", lambda: runs.append(job.attempt) or 7))
        if job.attempt == 1:
            while not runs:
                await asyncio.sleep(0)
            effect.cancel()
            await asyncio.sleep(0)
            store.release("record")
            await asyncio.wait({effect})
            raise ConnectionError
        return await effect

    async with Testing(jobs, store=store) as testing:
        store.hold("record")
        submission = await jobs.submit(work)
        await testing.advance(10)
        job = await jobs.get(submission.job.job_id)
    assert (job.state, job.result, runs) == ("completed", b"7", [1])
