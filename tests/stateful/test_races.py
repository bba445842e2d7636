"""What happens at once happens once: submissions of one key, cancels against ends, claims of many workers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, TypeVar

from asyncendpoints import AsyncEndpoints, JobContext, JobNotCancelable, Retry
from asyncendpoints._core import MemoryStore as CoreStore
from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Claim

THREADS = 8

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls, each in a thread of its own, at the same moment, and return what they return."""
    barrier = Barrier(len(calls))

    def make(call: Callable[[], T]) -> T:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


async def test_a_thousand_simultaneous_submissions_of_one_key_make_one_job() -> None:
    """IDM-3: Through the engine, one submission makes the job, and 999 others get its id."""
    jobs = AsyncEndpoints("memory://")
    ran: list[str] = []

    @jobs.handler("once")
    async def once(job: JobContext[int]) -> None:
        ran.append(job.job_id)

    async with jobs:
        submissions = await asyncio.gather(*(jobs.submit("once", 1, idempotency_key="k") for _ in range(1_000)))
        ids = {submission.job.job_id for submission in submissions}
        await jobs.wait(ids.copy().pop(), timeout=60)
    assert len(ids) == 1
    assert Counter(submission.replayed for submission in submissions) == {True: 999, False: 1}
    assert ran == [*ids]


def test_threads_that_submit_one_key_make_one_job() -> None:
    """IDM-3: Also where the submissions come from several threads, fifty keys make fifty jobs."""
    store = CoreStore()

    def submit() -> list[str]:
        new = [
            NewJob(job_id=new_job_id(), handler="h", scope="s", key=f"k-{number}", fingerprint=b"f" * 32)
            for number in range(50)
        ]
        return [answer.job.job_id for job in new for answer in store.enqueue([job]) if answer.job]

    answers = at_once([submit] * THREADS)
    assert all(answer == answers[0] for answer in answers)
    assert store.counts() == {"default": {**dict.fromkeys(store.counts()["default"], 0), "queued": 50}}


async def test_a_cancel_against_completion_has_one_winner() -> None:
    """CAN-1: Two thousand times, a job that was answered `canceled` never completes, and never runs afterwards."""
    jobs = AsyncEndpoints("memory://")
    dice = random.Random(7)
    begun: set[str] = set()
    answers: Counter[tuple[str, str]] = Counter()

    @jobs.handler("short", retry=Retry(max_attempts=5))
    async def short(job: JobContext[int]) -> None:
        begun.add(job.job_id)
        for _ in range(job.payload):
            await asyncio.sleep(0)

    async def race() -> None:
        submission = await jobs.submit("short", dice.randrange(4))
        job_id = submission.job.job_id
        for _ in range(dice.randrange(8)):
            await asyncio.sleep(0)
        ran_before = job_id in begun
        try:
            word = (await jobs.cancel(job_id)).word
        except JobNotCancelable:
            word = "refused"
        job = await jobs.wait(job_id, timeout=60)
        answers[word, job.state] += 1
        if word == "canceled":
            assert not ran_before
            assert job_id not in begun
        assert await jobs.get(job_id) is not None

    async with jobs:
        for _ in range(20):
            await asyncio.gather(*(race() for _ in range(100)))
    assert sum(answers.values()) == 2_000
    allowed = {
        ("canceled", "canceled"),
        ("requested", "canceled"),
        ("requested", "completed"),
        ("refused", "completed"),
    }
    assert set(answers) <= allowed
    assert {word for word, _ in answers} == {"canceled", "requested", "refused"}, "every side of the race was seen"


def test_a_cancel_against_a_failing_settle_is_ordered() -> None:
    """CAN-1: From two threads, a cancel that was heard cancels the job, and one that came too late is refused."""
    store = CoreStore()
    seen: Counter[tuple[str, str]] = Counter()
    with ThreadPoolExecutor(2) as pool:
        for number in range(2_000):
            store.enqueue([NewJob(job_id=new_job_id(), handler="h", max_attempts=1)])
            (claim,) = store.claim(
                worker="w", claim_id=str(number), queues=["default"], limit=1, lease_ms=60_000
            ).claims
            barrier = Barrier(2)

            def settle(claim: Claim = claim, barrier: Barrier = barrier) -> str:
                barrier.wait(60)
                return store.settle([Settlement.of(claim, "raised", nonce=1)])[0]

            def cancel(claim: Claim = claim, barrier: Barrier = barrier) -> str:
                barrier.wait(60)
                return store.cancel(claim.job_id).word

            settled, word = pool.submit(settle), pool.submit(cancel)
            seen[word.result(60), settled.result(60)] += 1
            job = store.get(claim.job_id)
            assert job is not None
            assert job.state == settled.result(60)
    assert set(seen) <= {("requested", "canceled"), ("refused", "failed")}


def test_many_claiming_threads_never_get_the_same_run() -> None:
    """CLM-1: Eight threads claim, release and settle at once: every run is in one claim, every job ends once."""
    store = CoreStore()
    ids = [new_job_id() for _ in range(2_000)]
    store.enqueue([NewJob(job_id=job_id, handler="h") for job_id in ids])

    def work(name: int) -> tuple[list[tuple[str, int]], list[str]]:
        dice = random.Random(name)
        runs: list[tuple[str, int]] = []
        ended: list[str] = []
        for number in range(100_000):
            claim_id = f"{name}-{number}"
            claims = store.claim(
                worker=str(name), claim_id=claim_id, queues=["default"], limit=7, lease_ms=60_000
            ).claims
            if not claims:
                break
            runs += [(claim.job_id, claim.fence) for claim in claims]
            kept = [claim for claim in claims if dice.random() < 0.8]
            states = store.settle([Settlement.of(claim, "returned", nonce=number + 1) for claim in kept])
            assert set(states) <= {"completed"}
            ended += [claim.job_id for claim in kept]
            assert store.release_claim(claim_id) == len(claims) - len(kept)
        return runs, ended

    results = at_once([partial(work, name) for name in range(THREADS)])
    runs = [run for taken, _ in results for run in taken]
    ended = [job_id for _, done in results for job_id in done]
    assert len(runs) == len(set(runs))
    left = [claim.job_id for claim in store.claim(
        worker="last", claim_id="last", queues=["default"], limit=2_000, lease_ms=1
    ).claims]  # fmt: skip
    assert sorted(ended + left) == sorted(ids)


async def test_two_workers_of_one_store_run_every_job_once() -> None:
    """CLM-1: A thousand jobs on a store that two engines serve are each run once, and both take part."""
    store = MemoryStore()
    ran: Counter[str] = Counter()
    shares: Counter[int] = Counter()
    both = [AsyncEndpoints(store, concurrency=5) for _ in range(2)]
    for index, jobs in enumerate(both):

        @jobs.handler("share")
        async def share(job: JobContext[int], index: int = index) -> None:
            ran[job.job_id] += 1
            shares[index] += 1
            await asyncio.sleep(0)

    await both[0].start()
    await both[1].start()
    ids = [(await both[0].submit("share", number)).job.job_id for number in range(1_000)]
    for job_id in ids:
        assert (await both[0].wait(job_id, timeout=60)).state == "completed"
    for jobs in both:
        await jobs.stop()
    assert ran == Counter(dict.fromkeys(ids, 1))
    assert all(shares[index] > 0 for index in (0, 1))
