"""Whose time counts: CLK-1."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from asyncendpoints._core import Settlement
from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject

HOUR_MS = 3_600_000


@rule()
async def clk_1_the_time_that_an_operation_is_told_rules_it(on: Subject) -> None:
    """CLK-1: Every time in a job is the one that the operation was told, to the millisecond."""
    job = await on.submit(delay_ms=1_500, key="k")
    same("made", (job.created_at, job.updated_at, job.scheduled_at), (on.now, on.now, on.now + 1_500))
    on.advance(1_500)
    claim = await on.take(lease_ms=4_000)
    job = await on.get(job.job_id)
    same("claimed", (job.started_at, job.updated_at, job.lease_until), (on.now, on.now, on.now + 4_000))
    on.advance(1_000)
    await on.store.progress(claim.job_id, claim.fence, b"{}", now=on.now)
    same("progressed", (await on.get(job.job_id)).updated_at, on.now)
    on.advance(1_000)
    await on.store.cancel(claim.job_id, now=on.now)
    same("asked to stop", (await on.get(job.job_id)).cancel_requested_at, on.now)
    on.advance(1_000)
    await on.settle(claim, "stopped")
    job = await on.get(job.job_id)
    same("ended", (job.finished_at, job.runs[0].finished_at), (on.now, on.now))
    same("first started", job.started_at, on.now - 3_000)


@rule()
async def clk_1_without_being_told_a_store_uses_its_own_clock(on: Subject) -> None:
    """CLK-1: Durations travel, never a client's time: untold, a store reads a clock of its own."""
    (answer,) = await on.store.enqueue([on.new_job(job_id="00000000-0000-7000-8000-000000000000", delay_ms=50)])
    job = answer.job or await on.get("")
    here = time.time() * 1000
    holds("its clock is right to within the hour", abs(job.created_at - here) < HOUR_MS)
    same("a delay counts from it", job.scheduled_at, job.created_at + 50)
    await on.store.run_now(job.job_id)
    claims = await on.store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=1_000)
    (claim,) = claims.claims
    await on.store.settle([Settlement.of(claim, "returned", nonce=1)])
    job = await on.get(job.job_id)
    ended = job.finished_at or 0
    holds("it never runs backwards", job.created_at <= claim.started_at <= ended)


@rule()
async def clk_1_a_clock_that_jumps_back_harms_nothing(on: Subject) -> None:
    """CLK-1: A clock set back loses no job and starts none twice."""
    claim = await on.start()
    delayed = await on.submit(delay_ms=1_000)
    past = on.now - HOUR_MS
    store = on.store
    same("expired in the past", await store.expired(limit=10, now=past), [])
    early = await store.claim(worker="w", claim_id="early", queues=["default"], limit=9, lease_ms=1_000, now=past)
    same("claimed in the past", early.claims, [])
    same(
        "renewed in the past",
        await store.renew([(claim.job_id, claim.fence)], lease_ms=15_000, now=past),
        ["renewed"],
    )
    (settled,) = await store.settle([Settlement.of(claim, "returned", nonce=1)], now=past)
    same("settled in the past", settled, "completed")
    on.advance(1_000)
    same("the delayed job in its time", await on.ids_claimed(), [delayed.job_id])
