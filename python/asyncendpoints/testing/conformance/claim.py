"""Which job a worker gets, and when: CLM-1 to CLM-5."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from asyncendpoints._core import new_job_id
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.subject import LEASE_MS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


@rule()
async def clm_1_a_claimed_job_is_not_claimed_again(on: Subject) -> None:
    """CLM-1: A job has at most one live lease: while one worker has it, nobody else gets it."""
    claim = await on.start()
    job = await on.get(claim.job_id)
    same("state and lease", (job.state, job.lease_until), ("in_progress", on.now + LEASE_MS))
    same("a second claim", await on.ids_claimed(worker="worker-2"), [])
    on.advance(LEASE_MS * 10)
    same("a claim long after the lease, before any rescue", await on.ids_claimed(worker="worker-2"), [])


@rule()
async def clm_1_many_workers_at_once_never_share_a_job(on: Subject) -> None:
    """CLM-1: Of many claims at once each job is in one."""
    jobs = {(await on.submit(key=None)).job_id for _ in range(200)}
    found = await asyncio.gather(*(on.ids_claimed(limit=7, worker=f"worker-{number}") for number in range(40)))
    taken = [job_id for ids in found for job_id in ids]
    same("jobs taken", len(taken), 200)
    same("different jobs taken", set(taken), jobs)


@rule()
async def clm_2_higher_priority_first_then_older(on: Subject) -> None:
    """CLM-2: Jobs are claimed by priority, higher first, and within one priority by age."""
    expected: list[tuple[int, int, str]] = []
    for number, priority in enumerate((0, 100, -100, 0, 5, 100, -1, 0, 99, -100)):
        job = await on.submit(priority=priority)
        expected.append((-priority, number, job.job_id))
        on.advance(1)
    same("the order", await on.ids_claimed(), [job_id for _, _, job_id in sorted(expected)])


@rule()
async def clm_2_priority_outweighs_any_age(on: Subject) -> None:
    """CLM-2: A higher priority goes before a job that has waited for a year."""
    old = await on.submit(priority=0)
    on.advance(365 * 86_400_000)
    new = await on.submit(priority=1)
    same("the order", await on.ids_claimed(), [new.job_id, old.job_id])


@rule()
async def clm_2_ties_go_by_id(on: Subject) -> None:
    """CLM-2: Jobs of one priority and one millisecond are claimed by id, however they were stored."""
    ids = [new_job_id(now=on.now) for _ in range(50)]
    random.Random(1).shuffle(ids)  # noqa: S311 (an order, not a secret)
    await on.enqueue(*(on.new_job(job_id=job_id) for job_id in ids[:25]))
    await on.enqueue(*(on.new_job(job_id=job_id) for job_id in ids[25:]))
    order = await on.ids_claimed(limit=20) + await on.ids_claimed(limit=30)
    same("the order", order, sorted(ids))


@rule()
async def clm_2_release_and_rescue_keep_a_jobs_place(on: Subject) -> None:
    """CLM-2: A released, a given-back and a rescued job keep their place before those that came later."""
    for way in ("release", "release_claim", "rescue"):
        first = await on.submit()
        on.advance(1)
        claim = await on.take(claim_id=f"claim-{way}")
        same("the claim's place", (claim.job_id, claim.ready_at), (first.job_id, first.created_at))
        on.advance(1)
        later = await on.submit()
        if way == "release":
            await on.settle(claim, "released")
        elif way == "release_claim":
            await on.store.release_claim(f"claim-{way}", now=on.now)
        else:
            on.advance(LEASE_MS + 1)
            same("the rescue", await on.rescue(), ["queued"])
        again = (await on.claim()).claims
        same(f"the order after {way}", [run.job_id for run in again], [first.job_id, later.job_id])
        same("the place", again[0].ready_at, first.created_at)
        for run in again:
            await on.settle(run)


@rule()
async def clm_2_a_delayed_job_and_a_retry_take_their_place_by_their_due_time(on: Subject) -> None:
    """CLM-2: Age counts from the due time: a job that was due later goes later, however early it was made."""
    retried = await on.start()
    delayed = await on.submit(delay_ms=500)
    await on.settle(retried, "raised")
    on.advance(200)
    plain = await on.submit()
    on.advance(10_000)
    claims = (await on.claim()).claims
    same("the order", [run.job_id for run in claims], [plain.job_id, delayed.job_id, retried.job_id])
    created = delayed.created_at
    same("the places", [run.ready_at for run in claims], [created + 200, created + 500, created + 1_000])


@rule()
async def clm_3_a_scheduled_job_is_never_claimed_before_its_due_time(on: Subject) -> None:
    """CLM-3: Delayed jobs and retries are not claimed a millisecond early, and are when they are due."""
    for _ in range(2):
        job = await on.submit(delay_ms=1_000)
        on.advance(999)
        same("a millisecond early", await on.ids_claimed(), [])
        on.advance(1)
        claim = await on.take()
        same("when due", claim.job_id, job.job_id)
        await on.settle(claim, "raised")
        on.advance(999)
        same("the retry a millisecond early", await on.ids_claimed(), [])
        on.advance(1)
        await on.settle(await on.take())


@rule()
async def clm_3_run_now_makes_a_scheduled_job_due(on: Subject) -> None:
    """CLM-3: A scheduled job that is told to run now is queued as of now; others are left as they are."""
    delayed = await on.submit(delay_ms=86_400_000)
    on.advance(10)
    job = await on.store.run_now(delayed.job_id, now=on.now)
    same("the job", job and (job.state, job.due_at), ("queued", None))
    claim = await on.take()
    same("its place", (claim.job_id, claim.ready_at), (delayed.job_id, on.now))
    for state in ("in_progress", "completed"):
        before = await on.picture(delayed.job_id)
        again = await on.store.run_now(delayed.job_id, now=on.now)
        same(f"told again when {state}", again and again.state, state)
        same("the job, untouched", await on.picture(delayed.job_id), before)
        await on.settle(claim)
    same("no such job", await on.store.run_now(new_job_id(now=on.now), now=on.now), None)


@rule()
async def clm_4_a_claim_begins_a_run(on: Subject) -> None:
    """CLM-4: Every claim adds one to fence and attempt, and begins a run of that number."""
    job = await on.submit(max_attempts=3, payload=b"p", request=b"r", owner="ada", key="k", priority=3)
    started = on.now + 5
    on.advance(5)
    claim = await on.take(worker="worker-9")
    for field in (
        "job_id",
        "handler",
        "queue",
        "max_attempts",
        "timeout_ms",
        "created_at",
        "priority",
        "request_id",
        "owner",
        "request",
        "payload",
    ):
        same(f"the claim's {field}", getattr(claim, field), getattr(job, field))
    same("fence, attempt and start", (claim.fence, claim.attempt, claim.started_at), (1, 1, started))
    await on.settle(claim, "raised")
    on.advance(1_000)
    second = await on.take(worker="worker-2")
    same("the second run", (second.fence, second.attempt, second.started_at), (2, 2, started + 1_000))
    now = await on.get(job.job_id)
    same("the job", (now.fence, now.attempt, now.started_at, now.state), (2, 2, started, "in_progress"))
    same(
        "its runs",
        [(run.number, run.worker, run.started_at, run.outcome) for run in now.runs],
        [(1, "worker-9", started, "error"), (2, "worker-2", started + 1_000, None)],
    )
    holds("each step has a version of its own", now.version >= job.version + 4)


@rule()
async def clm_5_a_claim_never_takes_more_than_it_asks_for(on: Subject) -> None:
    """CLM-5: A claim takes at most its limit, and leaves the others for whoever asks next."""
    ids = sorted([(await on.submit()).job_id for _ in range(10)])
    same("three", len(await on.ids_claimed(limit=3)), 3)
    same("none", await on.ids_claimed(limit=0), [])
    same("the rest", len(await on.ids_claimed(limit=100)), 7)
    held = [(await on.get(job_id)).fence for job_id in ids]
    same("runs of each", held, [1] * 10)


@rule()
async def clm_5_a_claim_takes_only_from_the_queues_it_names(on: Subject) -> None:
    """CLM-5: A claim serves the queues that it names, all of them, and no other."""
    jobs = {queue: (await on.submit(queue=queue)).job_id for queue in ("a", "b", "c", "A", "a.b")}
    same("two queues", set(await on.ids_claimed(queues=["a", "c", "unknown"])), {jobs["a"], jobs["c"]})
    same("no queue", await on.ids_claimed(queues=[]), [])
    same("the case of a letter", await on.ids_claimed(queues=["A"]), [jobs["A"]])
    same("a dot", await on.ids_claimed(queues=["a.b"]), [jobs["a.b"]])


@rule()
async def clm_5_a_paused_queue_gives_nothing_until_it_is_resumed(on: Subject) -> None:
    """CLM-5: Nothing is claimed from a paused queue, which takes jobs and ends runs as ever."""
    claim = await on.start(queue="a")
    waiting = await on.submit(queue="a")
    for _ in range(2):
        await on.store.pause("a", True)
    same("while paused", await on.ids_claimed(queues=["a"]), [])
    elsewhere = await on.submit(queue="b")
    same("another queue", await on.ids_claimed(queues=["a", "b"]), [elsewhere.job_id])
    same("a renewal", await on.renew(claim), "renewed")
    same("a settle", await on.settle(claim), "completed")
    later = await on.submit(queue="a")
    await on.store.pause("a", False)
    same("resumed", await on.ids_claimed(queues=["a"]), sorted([waiting.job_id, later.job_id]))
