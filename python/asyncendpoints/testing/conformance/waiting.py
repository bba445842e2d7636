"""Who is told of what: waits for one job, and wake-ups of workers (CLM-6, CAN-2, SET-5)."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from asyncendpoints._core import new_job_id
from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.job import Job
    from asyncendpoints.testing.conformance.subject import Subject

PATIENCE = 30.0
"""Seconds of real time after which a wake-up counts as never coming."""


class Ear:
    """A listener that remembers what it was told, from whatever thread."""

    def __init__(self) -> None:
        self.wakes = 0
        self.cancels: list[tuple[str, int]] = []
        self._told = threading.Condition()

    def wake(self) -> None:
        """Count a wake-up."""
        with self._told:
            self.wakes += 1
            self._told.notify_all()

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """Remember a cancel."""
        with self._told:
            self.cancels.append((job_id, fence))
            self._told.notify_all()

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Return once the condition holds."""

        def wait() -> bool:
            with self._told:
                return self._told.wait_for(condition, PATIENCE)

        holds(what, await asyncio.to_thread(wait))


async def _waiting(on: Subject, job: Job, *, timeout: float = PATIENCE) -> asyncio.Task[Job | None]:  # noqa: ASYNC109
    """Begin a wait for the job's next change, and let it get as far as it goes."""
    task = asyncio.create_task(on.store.wait(job.job_id, version=job.version, timeout=timeout))
    await asyncio.sleep(0)
    return task


@rule()
async def set_5_a_wait_returns_at_the_next_version(on: Subject) -> None:
    """SET-5: Whoever waits gets the job as soon as it has a new version, whatever the change."""
    job = await on.submit()

    async def step(what: str, state: str, change: Callable[[], object]) -> None:
        nonlocal job
        tasks = [await _waiting(on, job) for _ in range(3)]
        result = change()
        if asyncio.iscoroutine(result):
            await result
        for task in tasks:
            found = await task
            same(what, found and (found.state, found.version), (state, job.version + 1))
        job = await on.get(job.job_id)

    await step("a claim", "in_progress", on.claim)
    (run,) = job.runs
    await step("progress", "in_progress", lambda: on.store.progress(job.job_id, run.number, b"{}", now=on.now))
    await step("a cancel request", "in_progress", lambda: on.store.cancel(job.job_id, now=on.now))
    on.advance(60_000)
    await step("a rescue", "canceled", on.rescue)


@rule()
async def set_5_a_wait_never_misses_a_change_that_came_before_it(on: Subject) -> None:
    """SET-5: A change between reading and waiting ends the wait at once."""
    claim = await on.start()
    seen = await on.get(claim.job_id)
    await on.store.progress(claim.job_id, claim.fence, b"1", now=on.now)
    found = await on.store.wait(claim.job_id, version=seen.version, timeout=PATIENCE)
    same("the job", found and found.progress, b"1")
    for number in range(50):
        before = await on.get(claim.job_id)
        waiting, changing = await asyncio.gather(
            on.store.wait(claim.job_id, version=before.version, timeout=PATIENCE),
            on.store.progress(claim.job_id, claim.fence, str(number).encode(), now=on.now),
        )
        same("crossing changes", (waiting and waiting.progress, changing), (str(number).encode(), True))


@rule()
async def set_5_a_wait_ends_without_a_change(on: Subject) -> None:
    """SET-5: A wait for a job that has ended, is gone or does not change returns at once, or at its time."""
    ended = await on.finish("completed")
    same(
        "ended",
        (await on.store.wait(ended.job_id, version=ended.version, timeout=PATIENCE) or ended).state,
        "completed",
    )
    same("not there", await on.store.wait(new_job_id(now=on.now), version=0, timeout=PATIENCE), None)
    quiet = await on.submit()
    for seconds in (0.0, 0.02):
        found = await on.store.wait(quiet.job_id, version=quiet.version, timeout=seconds)
        same("unchanged", found and (found.state, found.version), ("queued", quiet.version))


@rule()
async def set_5_a_wait_that_is_given_up_disturbs_nobody(on: Subject) -> None:
    """SET-5: Of several that wait for one job, one that is canceled leaves the others waiting."""
    job = await on.submit()
    given_up, patient = await _waiting(on, job), await _waiting(on, job)
    given_up.cancel()
    await asyncio.wait([given_up])
    await on.claim()
    found = await patient
    same("the other", found and found.state, "in_progress")


@rule(requires="lossless_wakeups")
async def clm_6_whatever_becomes_claimable_wakes_the_workers(on: Subject) -> None:
    """CLM-6: A worker that found nothing is woken by whatever becomes claimable."""
    ear = Ear()
    stop = on.store.subscribe("worker-1", ["default"], ear)

    async def woken(by: str, change: Callable[[], object]) -> None:
        same("nothing to do", await on.ids_claimed(), [])
        before = ear.wakes
        result = change()
        if asyncio.iscoroutine(result):
            await result
        await ear.until(f"a worker is woken by {by}", lambda: ear.wakes > before)

    await woken("a submission", lambda: on.submit(max_attempts=9))
    claim = await on.take(claim_id="c-1")
    await woken("a release", lambda: on.settle(claim, "released"))
    await on.take(claim_id="c-2")
    await woken("a released claim", lambda: on.store.release_claim("c-2", now=on.now))
    await on.take(claim_id="c-3")
    on.advance(60_000)
    await woken("a rescue", on.rescue)
    again = await on.take(claim_id="c-4")
    await woken("a retry", lambda: on.settle(again, "raised"))
    await woken("run_now", lambda: on.store.run_now(again.job_id, now=on.now))
    await on.store.pause("default", True)
    await woken("a resumed queue", lambda: on.store.pause("default", False))
    stop()


@rule(requires="lossless_wakeups")
async def clm_6_whatever_becomes_the_earliest_wakes_the_workers(on: Subject) -> None:
    """CLM-6: A worker that sleeps until the next due time is woken by a job that is due earlier."""
    ear = Ear()
    stop = on.store.subscribe("worker-1", ["default"], ear)
    await on.submit(delay_ms=60_000)
    for delay in (30_000, 10_000):
        await on.claim()
        before = ear.wakes
        await on.submit(delay_ms=delay)
        await ear.until(f"a worker is woken by a job due in {delay} ms", lambda before=before: ear.wakes > before)
    stop()


@rule(requires="lossless_wakeups")
async def can_2_the_worker_of_a_canceled_run_is_told_which(on: Subject) -> None:
    """CAN-2: The worker that runs a job is told of its cancel, with job and run; other workers are not."""
    ear, other = Ear(), Ear()
    stop = on.store.subscribe("worker-1", ["default"], ear)
    on.store.subscribe("worker-2", ["default"], other)
    claim = await on.start()
    await on.store.cancel(claim.job_id, now=on.now)
    await ear.until("the worker is told", lambda: ear.cancels == [(claim.job_id, claim.fence)])
    same("the other worker", other.cancels, [])
    waiting = await on.submit()
    await on.store.cancel(waiting.job_id, now=on.now)
    same("a job that nobody runs", ear.cancels, [(claim.job_id, claim.fence)])
    stop()
    second = await on.start()
    await on.store.cancel(second.job_id, now=on.now)
    same("after the subscription's end", ear.cancels, [(claim.job_id, claim.fence)])
