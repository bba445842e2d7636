"""How scheduled jobs become queued ones: CLM-6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


@rule()
async def clm_6_promotion_is_a_write_with_a_version(on: Subject) -> None:
    """CLM-6: A due job becomes queued by a write that readers see, with a version of its own."""
    first, second = [await on.submit(delay_ms=1_000) for _ in range(2)]
    on.advance(1_500)
    claim = await on.take()
    other = second if claim.job_id == first.job_id else first
    job = await on.get(other.job_id)
    same("the one that was not claimed", (job.state, job.due_at, job.updated_at), ("queued", None, on.now))
    same("what was asked for stays", job.scheduled_at, first.created_at + 1_000)
    same("its version", job.version, other.version + 1)
    taken = await on.get(claim.job_id)
    same("the version of the claimed one: promoted, then claimed", taken.version, other.version + 2)


@rule()
async def clm_6_at_most_a_thousand_are_promoted_at_once_earliest_first(on: Subject) -> None:
    """CLM-6: One claim promotes at most 1,000 due jobs, the earliest of them, and says that more are due."""
    jobs = [on.new_job(delay_ms=5_000 - number, priority=number % 3) for number in range(1_500)]
    await on.enqueue(*jobs)
    earliest = {job.job_id for job in jobs[-1_000:]}
    on.advance(10_000)
    first = await on.claim(limit=1_500)
    same("promoted by the first claim", {claim.job_id for claim in first.claims}, earliest)
    same("when the next is due", first.next_due_ms, 0)
    second = await on.claim(limit=1_500)
    same("promoted by the second", len(second.claims), 500)
    same("when the next is due then", second.next_due_ms, None)


@rule()
async def clm_6_a_claim_says_when_the_next_job_is_due(on: Subject) -> None:
    """CLM-6: A claim answers in how many milliseconds the next scheduled job is due, if there is one."""
    same("in an empty store", (await on.claim()).next_due_ms, None)
    await on.submit(delay_ms=5_000)
    await on.submit(delay_ms=3_000)
    same("with two", (await on.claim()).next_due_ms, 3_000)
    on.advance(2_999)
    same("later", (await on.claim()).next_due_ms, 1)
    on.advance(1)
    found = await on.claim()
    same("when the first is due", (len(found.claims), found.next_due_ms), (1, 2_000))
    await on.settle(found.claims[0], "raised")
    same("after a retry that is due sooner", (await on.claim()).next_due_ms, 1_000)


@rule()
async def clm_6_a_canceled_or_hastened_job_is_no_longer_due(on: Subject) -> None:
    """CLM-6: A scheduled job that is canceled or told to run now leaves the schedule."""
    canceled, hastened = await on.submit(delay_ms=1_000), await on.submit(delay_ms=2_000)
    await on.store.cancel(canceled.job_id, now=on.now)
    same("after the cancel", (await on.claim()).next_due_ms, 2_000)
    await on.store.run_now(hastened.job_id, now=on.now)
    found = await on.claim()
    same(
        "after run_now",
        ([claim.job_id for claim in found.claims], found.next_due_ms),
        ([hastened.job_id], None),
    )
    on.advance(10_000)
    same("past both times", (await on.claim()).claims, [])
    holds("the canceled job stays canceled", (await on.get(canceled.job_id)).state == "canceled")


@rule()
async def clm_6_the_sweep_promotes_what_nobody_claims(on: Subject) -> None:
    """CLM-6: A due job becomes queued in the sweep too, also where nobody claims from its queue."""
    quiet, paused = await on.submit(queue="quiet", delay_ms=1_000), await on.submit(delay_ms=1_000)
    later = await on.submit(queue="quiet", delay_ms=9_000)
    await on.store.pause("default", True)
    on.advance(2_000)
    await on.rescue()
    for job in (quiet, paused):
        found = await on.get(job.job_id)
        same("the due job", (found.state, found.version, found.updated_at), ("queued", job.version + 1, on.now))
    same("the one that is not due", (await on.get(later.job_id)).state, "scheduled")
