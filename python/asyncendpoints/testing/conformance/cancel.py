"""Cancellation: CAN-1 and CAN-2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import new_job_id
from asyncendpoints.testing.conformance.rule import rule, same
from asyncendpoints.testing.conformance.subject import LEASE_MS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


@rule()
async def can_1_a_waiting_job_is_canceled_at_once_and_never_runs(on: Subject) -> None:
    """CAN-1: A scheduled or queued job that is canceled stays so: neither time nor worker brings it back."""
    scheduled = await on.submit(delay_ms=1_000, retention_failed_ms=5_000)
    queued = await on.submit(retention_failed_ms=5_000)
    between = await on.start(retention_failed_ms=5_000, queue="retried")
    await on.settle(between, "raised", error=b"{}")
    on.advance(2)
    for job_id in (scheduled.job_id, queued.job_id, between.job_id):
        before = await on.get(job_id)
        answer = await on.store.cancel(job_id, now=on.now)
        same("the answer", (answer.word, answer.job and answer.job.state), ("canceled", "canceled"))
        job = await on.get(job_id)
        same("the job", (job.state, job.version, job.due_at), ("canceled", before.version + 1, None))
        times = (job.finished_at, job.updated_at, job.expires_at, job.cancel_requested_at)
        same("its times", times, (on.now, on.now, on.now + 5_000, on.now))
    on.advance(LEASE_MS * 10)
    same("claims afterwards", await on.ids_claimed(queues=["default", "retried"]), [])
    same(
        "run_now afterwards",
        (await on.store.run_now(scheduled.job_id, now=on.now) or queued).state,
        "canceled",
    )


@rule()
async def can_1_a_cancel_is_answered_by_the_jobs_state(on: Subject) -> None:
    """CAN-1: What has ended is not canceled, what was canceled stays so, and what is not there is missing."""
    for state, word in (("completed", "refused"), ("failed", "refused"), ("canceled", "already")):
        job = await on.finish(state)
        on.advance(3)
        answer = await on.store.cancel(job.job_id, now=on.now)
        same(f"a cancel of a {state} job", (answer.word, answer.job and answer.job.state), (word, state))
        same("its version", (await on.get(job.job_id)).version, job.version)
    answer = await on.store.cancel(new_job_id(now=on.now), now=on.now)
    same("a job that is not there", (answer.word, answer.job), ("missing", None))


@rule()
async def can_1_a_running_jobs_cancel_is_a_request(on: Subject) -> None:
    """CAN-1: The cancel of a running job sets its flag once; the run goes on until it is settled."""
    claim = await on.start()
    before = await on.get(claim.job_id)
    on.advance(2)
    asked_at = on.now
    answer = await on.store.cancel(claim.job_id, now=on.now)
    same("the answer", (answer.word, answer.job and answer.job.state), ("requested", "in_progress"))
    job = await on.get(claim.job_id)
    same(
        "the job",
        (job.cancel_requested_at, job.version, job.lease_until),
        (asked_at, before.version + 1, before.lease_until),
    )
    on.advance(2)
    again = await on.store.cancel(claim.job_id, now=on.now)
    job = await on.get(claim.job_id)
    same(
        "asked again",
        (again.word, job.cancel_requested_at, job.version),
        ("requested", asked_at, before.version + 1),
    )


@rule()
async def can_1_a_requested_cancel_decides_how_the_run_ends(on: Subject) -> None:
    """CAN-1: After a request a run that returns completes its job; every other end cancels it."""
    for event, state, outcome in (
        ("returned", "completed", "completed"),
        ("raised", "canceled", "canceled"),
        ("raised_final", "canceled", "canceled"),
        ("stopped", "canceled", "canceled"),
        ("timed_out", "canceled", "timeout"),
        ("released", "canceled", "released"),
        ("lost", "canceled", "lost"),
    ):
        claim = await on.start(retention_completed_ms=1_000, retention_failed_ms=2_000)
        await on.store.cancel(claim.job_id, now=on.now)
        same(event, await on.settle(claim, event, result=b"1", error=b"{}"), state)
        job = await on.get(claim.job_id)
        same(f"the run that {event}", [run.outcome for run in job.runs], [outcome])
        kept = 1_000 if state == "completed" else 2_000
        same(
            "the end",
            (job.finished_at, job.expires_at, job.result),
            (on.now, on.now + kept, b"1" if kept == 1_000 else None),
        )
        on.advance(LEASE_MS)
        same("claims afterwards", await on.ids_claimed(), [])


@rule()
async def can_1_the_verdict_that_matches_the_flag_is_applied(on: Subject) -> None:
    """CAN-1: A settlement decided before the cancel arrived is applied as the flag now stands."""
    claim = await on.start()
    rescued = await on.start()
    for one in (claim, rescued):
        await on.store.cancel(one.job_id, now=on.now)
    same("a retry", await on.settle(claim, "raised"), "canceled")
    on.advance(LEASE_MS + 1)
    same("a rescue", await on.rescue(), ["canceled"])
    await on.submit()
    lost = await on.take(claim_id="lost")
    await on.store.cancel(lost.job_id, now=on.now)
    await on.store.release_claim("lost", now=on.now)
    job = await on.get(lost.job_id)
    same("a released claim", (job.state, job.attempt), ("canceled", 0))


@rule()
async def can_2_a_renewal_tells_the_holder_of_the_cancel(on: Subject) -> None:
    """CAN-2: Where a notification was lost, the next renewal tells of the cancel, and renews."""
    claim, other = await on.start(), await on.start()
    await on.store.cancel(claim.job_id, now=on.now)
    on.advance(1_000)
    leases = [(claim.job_id, claim.fence), (other.job_id, other.fence)]
    for _ in range(2):
        answers = await on.store.renew(leases, lease_ms=LEASE_MS, now=on.now)
        same("the renewals", answers, ["cancel_requested", "renewed"])
    same("the lease", (await on.get(claim.job_id)).lease_until, on.now + LEASE_MS)
