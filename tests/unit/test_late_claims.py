"""Two claims under way are answered in any order, late, or never: no job waits for that although a slot is free."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, JobContext, StoreUnavailable
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import PATIENCE, until

if TYPE_CHECKING:
    from asyncendpoints._core import Claims


class SlowStore(FaultyStore):
    """Carries a claim out at once, and answers when the test says so, or with an error."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.is_slow = True
        self.made = 0
        self.unanswered: dict[int, asyncio.Future[None]] = {}
        self.losing: set[int] = set()

    async def claim(self, **named: Any) -> Claims:
        """Claim, and wait for the answer to be let out."""
        self.made += 1
        number = self.made
        claims = await self.inner.claim(**named)
        if self.is_slow:
            self.unanswered[number] = asyncio.get_running_loop().create_future()
            await self.unanswered[number]
        if number in self.losing:
            raise StoreUnavailable("the answer is lost")
        return claims

    async def answer(self, number: int) -> None:
        """Let an answer out, and let what follows happen."""
        self.unanswered.pop(number).set_result(None)
        for _ in range(30):
            await asyncio.sleep(0)


class Scene:
    """An application of ten slots: five jobs have run, the first claim after them and one beside it are unanswered."""

    def __init__(self) -> None:
        self.store = SlowStore()
        # No sweep and no lease is over within the test, so that nothing but the worker itself helps a job.
        self.jobs = AsyncEndpoints(self.store, concurrency=10, lease_for=300.0)
        self.now = self.done = 0
        self.go = asyncio.Event()
        self.jobs.handler("work")(self._work)

    async def _work(self, job: JobContext[int]) -> None:
        self.now += 1
        await self.go.wait()
        self.now -= 1
        self.done += 1

    async def submit(self, count: int, *, delay: float = 0.0) -> None:
        """Submit jobs, and let the worker hear of them."""
        for _ in range(count):
            await self.jobs.submit("work", 1, delay=delay)
        await asyncio.sleep(0.01)

    async def begin(self, count: int, more: int = 0) -> None:
        """Start with so many jobs, and submit more when the first claim after them has been carried out."""
        await self.jobs.start(worker=False)
        await self.submit(count)
        await self.jobs.stop()
        await self.jobs.start()
        await until(lambda: [*self.store.unanswered] == [1])
        await self.store.answer(1)
        assert (self.now, [*self.store.unanswered]) == (5, [2])
        await self.submit(more)
        self.go.set()
        await until(lambda: self.done == 5)
        self.go.clear()
        await until(lambda: [*self.store.unanswered] == [2, 3])

    async def end(self, count: int) -> None:
        """Let handlers end; so many jobs have to be done then."""
        self.go.set()
        try:
            await until(lambda: self.done == count)
        finally:
            await self.jobs.stop()


async def test_a_job_that_comes_while_another_claim_holds_the_room_is_not_forgotten() -> None:
    """The other claim's answer, that there was no more, is older than the job."""
    scene = Scene()
    await scene.begin(10)
    await scene.store.answer(2)
    assert scene.now == 5
    await scene.submit(50)
    scene.store.is_slow = False
    await scene.store.answer(3)
    await scene.end(60)


async def test_an_older_answer_does_not_put_off_what_a_newer_one_knows() -> None:
    """The scheduled job of which only the newer claim knew starts when it is due."""
    scene = Scene()
    await scene.begin(6)
    await scene.store.answer(2)
    await scene.submit(1, delay=0.2)
    scene.store.is_slow = False
    await scene.store.answer(4)
    await scene.store.answer(3)
    await scene.end(7)


async def test_what_a_lost_answer_brought_is_given_back_although_the_queue_is_empty() -> None:
    """CLM-4: The claim beside another one is lost; the jobs run again without waiting for their leases."""
    scene = Scene()
    await scene.begin(6, more=2)
    scene.store.losing.add(3)
    await scene.store.answer(2)
    scene.store.is_slow = False
    await scene.store.answer(4)
    await scene.store.answer(3)
    await scene.end(8)


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_the_order_of_answers_no_job_is_left_alone(seed: int) -> None:
    """Answers take a random number of turns, jobs come in random groups, and all of them run without a poll."""
    chance = random.Random(seed)

    class Late(FaultyStore):
        async def claim(self, **named: Any) -> Claims:
            await _turns(chance.randrange(4))
            claims = await self.inner.claim(**named)
            await _turns(chance.choice((0, 0, 3, 10, 40)))
            return claims

    jobs = AsyncEndpoints(Late(MemoryStore()), concurrency=chance.choice((2, 3, 5, 10)), lease_for=300.0)
    done = 0

    @jobs.handler
    async def work() -> None:
        nonlocal done
        await _turns(chance.choice((0, 1, 7, 30)))
        done += 1

    submitted = 0
    async with jobs:
        for _ in range(12):
            count = chance.randrange(1, 12)
            for _ in range(count):
                await jobs.submit(work)
            submitted += count
            if chance.random() < 0.5:
                expected = submitted
                await until(lambda expected=expected: done == expected)
            await _turns(chance.choice((0, 2, 9, 50)))
        await until(lambda: done == submitted)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_log_filter_that_raises_does_not_end_the_claiming() -> None:
    """What the application's logging does is no reason to leave jobs alone."""

    class Raises(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError

    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints(store)

    @jobs.handler
    async def work() -> None:
        pass

    log, raises = logging.getLogger("asyncendpoints.claimer"), Raises()
    log.addFilter(raises)
    try:
        async with jobs:
            store.fail_before("claim")
            submission = await jobs.submit(work)
            assert (await jobs.wait(submission.job.job_id, PATIENCE)).state == "completed"
    finally:
        log.removeFilter(raises)


async def test_a_run_is_kept_while_its_end_cannot_be_written() -> None:
    """LSE-2: Its worker lives, so nobody runs it again, however long the store refuses settlements."""
    store = FaultyStore(MemoryStore())
    jobs = AsyncEndpoints(store, lease_for=1.5, max_stall=1.5)
    ran: list[int] = []

    @jobs.handler
    async def work(job: JobContext[int]) -> None:
        ran.append(job.attempt)

    async with jobs:
        store.hold("settle")
        submission = await jobs.submit(work, 1)
        await until(lambda: ran == [1])
        # Sweeps for three leases, each of which would take up a run whose lease has passed.
        await until(lambda: store.calls["expired"] >= 10)
        store.release("settle")
        assert (await jobs.wait(submission.job.job_id, PATIENCE)).state == "completed"
    assert ran == [1]
