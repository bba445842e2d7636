"""Who may write to a running job: LSE-1, LSE-2 and LSE-5, and rescue, RES-1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints._core import Settlement, decide, new_job_id
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.subject import LEASE_MS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


@rule()
async def lse_1_a_jobs_fence_only_grows(on: Subject) -> None:
    """LSE-1: Every run has a number greater than all before it, however those ended."""
    job = await on.submit(max_attempts=10)
    fences: list[int] = []
    for ending in ("released", "release_claim", "raised", "rescue", "timed_out", "returned"):
        claim = await on.take(claim_id=f"claim-{ending}")
        fences.append(claim.fence)
        if ending == "release_claim":
            await on.store.release_claim("claim-release_claim", now=on.now)
        elif ending == "rescue":
            on.advance(LEASE_MS + 1)
            await on.rescue()
        else:
            await on.settle(claim, ending)
        same(f"the fence after {ending}", (await on.get(job.job_id)).fence, claim.fence)
        on.advance(1_000)
    same("the fences", fences, [1, 2, 3, 4, 5, 6])
    same("the runs", [run.number for run in (await on.get(job.job_id)).runs], fences)


async def _write_everything(on: Subject, job_id: str, fence: int) -> None:
    """Try every write of a holder with this fence; each must say that it is stale and change nothing."""
    before = await on.picture(job_id)
    present = on.now
    ended = decide("returned", attempt=1, max_attempts=3)
    settlement: dict[str, Any] = {
        "job_id": job_id,
        "fence": fence,
        "verdict": ended,
        "verdict_if_canceled": ended,
    }
    answers = {
        "renew": await on.store.renew([(job_id, fence)], lease_ms=LEASE_MS, now=present),
        "settle": await on.store.settle([Settlement(**settlement, nonce=901, result=b"stale")], now=present),
        "settle without a nonce": await on.store.settle([Settlement(**settlement, result=b"stale")], now=present),
        "settle if expired": await on.store.settle(
            [Settlement(**settlement, nonce=902, only_expired=True)], now=present
        ),
        "progress": await on.store.progress(job_id, fence, b"stale", now=present),
        "reserve": (await on.store.reserve(job_id, fence, "stale", "n", now=present)).word,
        "take over": (await on.store.reserve(job_id, fence, "stale", "n", takeover=True, now=present)).word,
        "record": await on.store.record(job_id, fence, "stale", "n", b"stale", now=present),
        "give back": await on.store.record(job_id, fence, "stale", "n", None, now=present),
    }
    told = {name: answer if isinstance(answer, (str, bool)) else answer[0] for name, answer in answers.items()}
    expected = {name: False if name in {"progress", "record", "give back"} else "stale" for name in told}
    same(f"the answers to fence {fence} of a job that is {before and before['state']}", told, expected)
    same("the job after stale writes", await on.picture(job_id), before)


@rule()
async def lse_2_a_write_with_another_fence_is_stale(on: Subject) -> None:
    """LSE-2: While a run goes on, a write under any other number changes nothing and is told so."""
    claim = await on.start(max_attempts=5)
    await on.settle(claim, "released")
    claim = await on.take()
    for fence in (0, 1, 3, 2**40):
        await _write_everything(on, claim.job_id, fence)
    same("the holder", await on.settle(claim), "completed")


@rule()
async def lse_2_a_write_after_the_runs_end_is_stale(on: Subject) -> None:
    """LSE-2: When its run has ended, however it ended, a holder can write nothing more."""
    for event in ("returned", "raised_final", "raised", "released", "timed_out"):
        claim = await on.start()
        await on.settle(claim, event, nonce=0)
        await _write_everything(on, claim.job_id, claim.fence)
        await on.store.cancel(claim.job_id, now=on.now)
        await _write_everything(on, claim.job_id, claim.fence)


@rule()
async def lse_2_a_write_after_a_rescue_is_stale(on: Subject) -> None:
    """LSE-2: The worker whose run was rescued is told so at its next write, also when the job runs again."""
    claim = await on.start()
    on.advance(LEASE_MS + 1)
    same("the rescue", await on.rescue(), ["queued"])
    await _write_everything(on, claim.job_id, claim.fence)
    second = await on.take(worker="worker-2")
    await _write_everything(on, claim.job_id, claim.fence)
    same("the new holder", await on.settle(second), "completed")
    await _write_everything(on, claim.job_id, claim.fence)


@rule()
async def lse_2_a_write_after_a_claim_was_released_is_stale(on: Subject) -> None:
    """LSE-2: The run of a released claim is over for whoever got the answer after all."""
    await on.submit()
    claim = await on.take(claim_id="lost")
    await on.store.release_claim("lost", now=on.now)
    await _write_everything(on, claim.job_id, claim.fence)


@rule()
async def lse_2_a_write_to_a_job_that_no_run_holds_is_stale(on: Subject) -> None:
    """LSE-2: A job that was never claimed, is scheduled, or is not there takes no holder's write."""
    for job_id in [
        (await on.submit()).job_id,
        (await on.submit(delay_ms=1_000)).job_id,
        (await on.finish("canceled", queue="canceled")).job_id,
        new_job_id(now=on.now),
    ]:
        for fence in (0, 1):
            await _write_everything(on, job_id, fence)


@rule()
async def lse_2_a_stale_write_in_a_batch_harms_no_other(on: Subject) -> None:
    """LSE-2: In a batch each write stands alone: the stale ones are told so, the others are done."""
    good, bad = await on.start(), await on.start()
    same(
        "renewals",
        await on.store.renew(
            [(bad.job_id, 9), (good.job_id, good.fence), (new_job_id(now=on.now), 1)],
            lease_ms=LEASE_MS,
            now=on.now,
        ),
        ["stale", "renewed", "stale"],
    )
    stale = Settlement.of(bad, "returned", nonce=1)
    await on.settle(bad, "released")
    answers = await on.store.settle([stale, Settlement.of(good, "returned", nonce=2), stale], now=on.now)
    same("settlements", answers, ["stale", "completed", "stale"])
    same("the released one", (await on.get(bad.job_id)).state, "queued")
    same(
        "empty batches",
        (await on.store.renew([], lease_ms=1, now=on.now), await on.store.settle([], now=on.now)),
        ([], []),
    )


@rule()
async def lse_5_only_rescue_ends_a_lease(on: Subject) -> None:
    """LSE-5: Until it is rescued, a holder whose lease has long passed still renews, writes and settles."""
    late, later = await on.start(), await on.start()
    on.advance(LEASE_MS * 100)
    same("progress", await on.store.progress(late.job_id, late.fence, b"{}", now=on.now), True)
    same("an effect", (await on.reserve(late)).word, "reserved")
    same("settle", await on.settle(late), "completed")
    same("renew", await on.renew(later), "renewed")
    job = await on.get(later.job_id)
    same("the lease counts from now", job.lease_until, on.now + LEASE_MS)
    same("what has expired", await on.store.expired(limit=10, now=on.now), [])


@rule()
async def res_1_a_passed_lease_is_reported_with_the_facts_for_its_rescue(on: Subject) -> None:
    """RES-1: A lease is reported once it has passed, and not before, with all that the decision needs."""
    claim = await on.start(handler="h", max_attempts=4)
    on.advance(LEASE_MS)
    same("at its last millisecond", await on.store.expired(limit=10, now=on.now), [])
    on.advance(1)
    (found,) = await on.store.expired(limit=10, now=on.now)
    same(
        "the facts",
        (found.job_id, found.fence, found.attempt, found.max_attempts, found.cancel_requested, found.handler),
        (claim.job_id, 1, 1, 4, False, "h"),
    )
    await on.store.cancel(claim.job_id, now=on.now)
    (found,) = await on.store.expired(limit=10, now=on.now)
    same("after a cancel request", found.cancel_requested, True)
    same("the job, which reading has not changed", (await on.get(claim.job_id)).state, "in_progress")


@rule()
async def res_1_expired_is_bounded_and_rescue_reaches_all(on: Subject) -> None:
    """RES-1: A sweep takes no more than its limit, and sweeps that follow reach every lost run."""
    for _ in range(25):
        await on.start()
    on.advance(LEASE_MS + 1)
    sizes = [len(await on.rescue(limit=10)) for _ in range(4)]
    same("rescued by each sweep", sizes, [10, 10, 5, 0])
    claims = (await on.claim()).claims
    same("claimed again", sorted({(claim.fence, claim.attempt) for claim in claims}), [(2, 2)])
    same("how many", len(claims), 25)


@rule()
async def res_1_a_renewal_between_reading_and_rescue_wins(on: Subject) -> None:
    """RES-1: A rescue is guarded by fence and lease: a renewal in between defeats it."""
    claim = await on.start()
    on.advance(LEASE_MS + 1)
    (found,) = await on.store.expired(limit=10, now=on.now)
    lost = decide("lost", attempt=found.attempt, max_attempts=found.max_attempts)
    rescue = Settlement(
        job_id=found.job_id,
        fence=found.fence,
        verdict=lost,
        verdict_if_canceled=lost,
        nonce=5,
        only_expired=True,
    )
    same("the renewal", await on.renew(claim), "renewed")
    before = await on.picture(claim.job_id)
    same("the rescue", await on.store.settle([rescue], now=on.now), ["stale"])
    same("the job", await on.picture(claim.job_id), before)
    on.advance(LEASE_MS)
    same("at the new lease's last millisecond", await on.store.settle([rescue], now=on.now), ["stale"])
    on.advance(1)
    same("past the new lease", await on.store.settle([rescue], now=on.now), ["queued"])


@rule()
async def res_1_two_rescuers_rescue_once(on: Subject) -> None:
    """RES-1: Of two that found the same lost run one rescues it; the other is told it is stale."""
    claim = await on.start()
    on.advance(LEASE_MS + 1)
    lost = decide("lost", attempt=1, max_attempts=3)
    both = [
        Settlement(
            job_id=claim.job_id,
            fence=1,
            verdict=lost,
            verdict_if_canceled=lost,
            nonce=nonce,
            only_expired=True,
        )
        for nonce in (5, 6)
    ]
    same("the answers", [(await on.store.settle([one], now=on.now))[0] for one in both], ["queued", "stale"])
    job = await on.get(claim.job_id)
    same("the run", [(run.number, run.outcome) for run in job.runs], [(1, "lost")])
    holds("the lease is gone", job.lease_until is None)
