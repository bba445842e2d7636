"""How runs end: SET-1 to SET-5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import Backoff
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.subject import LEASE_MS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject

RELEASED_RUNS_KEPT = 20


@rule()
async def set_1_a_terminal_state_is_for_ever(on: Subject) -> None:
    """SET-1: Nothing changes a job that has ended: no claim, cancel, run_now, rescue or release."""
    for state in ("completed", "failed", "canceled"):
        job = await on.finish(state, retention_completed_ms=10**9, retention_failed_ms=10**9)
        before = await on.picture(job.job_id)
        same("the state", job.state, state)
        holds("it is done", job.done and job.finished_at == on.now and job.lease_until is None)
        on.advance(LEASE_MS * 10)
        same("claims", await on.ids_claimed(), [])
        same("rescues", await on.rescue(), [])
        same(
            "a cancel",
            (await on.store.cancel(job.job_id, now=on.now)).word,
            "already" if state == "canceled" else "refused",
        )
        await on.store.run_now(job.job_id, now=on.now)
        same("release of its claim", await on.store.release_claim("claim-1", now=on.now), 0)
        same(f"the {state} job", await on.picture(job.job_id), before)


@rule()
async def set_1_a_settled_run_leaves_its_trace(on: Subject) -> None:
    """SET-1: The run that ended a job says how and when; the job says when its result goes."""
    for event, state, outcome in (
        ("returned", "completed", "completed"),
        ("raised_final", "failed", "error"),
        ("timed_out", "failed", "timeout"),
    ):
        claim = await on.start(max_attempts=1, retention_completed_ms=1_000, retention_failed_ms=2_000)
        before = await on.get(claim.job_id)
        on.advance(7)
        same(event, await on.settle(claim, event, error=b'{"title": "x"}'), state)
        job = await on.get(claim.job_id)
        kept = 1_000 if state == "completed" else 2_000
        same("its times", (job.finished_at, job.updated_at, job.expires_at), (on.now, on.now, on.now + kept))
        same("its version", job.version, before.version + 1)
        (run,) = job.runs
        same("its run", (run.number, run.finished_at, run.outcome), (1, on.now, outcome))
        if state == "failed":
            same("its error", (job.error, run.error), (b'{"title": "x"}', b'{"title": "x"}'))


@rule()
async def set_2_attempts_never_exceed_the_bound(on: Subject) -> None:
    """SET-2: `attempt` counts the charged runs and never exceeds `max_attempts`, with releases in between."""
    job = await on.submit(max_attempts=3)
    for attempt in (1, 2, 3):
        released = await on.take()
        same("the released run's attempt", released.attempt, attempt)
        await on.settle(released, "released")
        same("after the release", (await on.get(job.job_id)).attempt, attempt - 1)
        claim = await on.take()
        same("the charged run's attempt", claim.attempt, attempt)
        answer = await on.settle(claim, "raised")
        same("the answer", answer, "failed" if attempt == 3 else "scheduled")
        same("the attempts", (await on.get(job.job_id)).attempt, attempt)
        on.advance(1_000)
    same("a fourth run", await on.ids_claimed(), [])
    same("all runs", (await on.get(job.job_id)).fence, 6)


@rule()
async def set_2_a_retry_waits_as_long_as_the_verdict_says(on: Subject) -> None:
    """SET-2: A retry is scheduled by the store's clock; one without delay is queued at once."""
    claim = await on.start()
    on.advance(3)
    same("with a delay", await on.settle(claim, "raised", backoff=Backoff.fixed(700)), "scheduled")
    job = await on.get(claim.job_id)
    same(
        "due",
        (job.due_at, job.scheduled_at, job.finished_at, job.lease_until),
        (on.now + 700, None, None, None),
    )
    on.advance(700)
    claim = await on.take()
    same("without", await on.settle(claim, "raised", backoff=Backoff.fixed(0)), "queued")
    job = await on.get(claim.job_id)
    same("not due at any time", (job.due_at, job.state), (None, "queued"))
    same("its next place", (await on.take()).ready_at, on.now)


@rule()
async def set_3_a_crash_is_charged_and_a_release_is_not(on: Subject) -> None:
    """SET-3: A lost run counts as an attempt and is retried at once; a released one does not count."""
    job = await on.submit(max_attempts=2)
    await on.settle(await on.take(), "released")
    job = await on.get(job.job_id)
    same("released", (job.state, job.attempt, [run.outcome for run in job.runs]), ("queued", 0, ["released"]))
    await on.take()
    on.advance(LEASE_MS + 1)
    same("the first loss", await on.rescue(), ["queued"])
    same("its charge", (await on.get(job.job_id)).attempt, 1)
    same("its next run", (await on.take()).attempt, 2)
    on.advance(LEASE_MS + 1)
    same("the second loss", await on.rescue(), ["failed"])
    job = await on.get(job.job_id)
    same("the end", (job.attempt, [run.outcome for run in job.runs]), (2, ["released", "lost", "lost"]))


@rule()
async def set_3_of_released_runs_the_last_twenty_are_kept(on: Subject) -> None:
    """SET-3: Every charged run is kept, and of the released ones the last twenty."""
    job = await on.submit(max_attempts=3)
    await on.settle(await on.take(), "raised", backoff=Backoff.fixed(0))
    for _ in range(30):
        await on.settle(await on.take(), "released")
    numbers = [run.number for run in (await on.get(job.job_id)).runs]
    same("the runs", numbers, [1, *range(31 - RELEASED_RUNS_KEPT + 1, 32)])
    claim = await on.take()
    same("the next run's number", claim.fence, 32)


@rule()
async def set_4_result_and_state_are_written_together(on: Subject) -> None:
    """SET-4: A completed job has its result from the same write; a failed one has none."""
    claim = await on.start()
    before = await on.get(claim.job_id)
    same("while it runs", (before.result, before.result_meta), (None, None))
    await on.settle(claim, "returned", result=b'{"n": 1}', result_meta=b"\x01meta")
    job = await on.get(claim.job_id)
    same(
        "the end",
        (job.state, job.result, job.result_meta, job.error),
        ("completed", b'{"n": 1}', b"\x01meta", None),
    )
    nothing = await on.start()
    await on.settle(nothing, "returned")
    same("of a handler that returned nothing", (await on.get(nothing.job_id)).result, None)
    empty = await on.start()
    await on.settle(empty, "returned", result=b"")
    same("an empty body, which is not an absent one", (await on.get(empty.job_id)).result, b"")
    big = await on.start()
    body = bytes(range(256)) * 4_096
    await on.settle(big, "returned", result=body)
    same("a megabyte", (await on.get(big.job_id)).result, body)
    failed = await on.start()
    await on.settle(failed, "raised_final", result=b"1", error=b"{}")
    job = await on.get(failed.job_id)
    same("of a failed job", (job.result, job.error), (None, b"{}"))


@rule()
async def set_4_a_retried_jobs_error_stays_with_its_run(on: Subject) -> None:
    """SET-4: The error of an attempt that is retried belongs to its run; the job has none unless it fails."""
    claim = await on.start()
    await on.settle(claim, "raised", error=b'"first"')
    job = await on.get(claim.job_id)
    same("between attempts", (job.error, [run.error for run in job.runs]), (None, [b'"first"']))
    on.advance(1_000)
    await on.settle(await on.take(), "returned", result=b"1")
    job = await on.get(claim.job_id)
    same("in the end", (job.error, [run.error for run in job.runs]), (None, [b'"first"', None]))


@rule()
async def set_5_renewals_do_not_change_the_version(on: Subject) -> None:
    """SET-5: A renewal prolongs the lease and changes nothing that a client could see."""
    claim = await on.start()
    before = await on.picture(claim.job_id)
    on.advance(5_000)
    same("the renewal", await on.renew(claim, lease_ms=20_000), "renewed")
    after = await on.picture(claim.job_id)
    expected = {**(before or {}), "lease_until": on.now + 20_000}
    same("the job", after, expected)


@rule()
async def set_5_every_visible_change_adds_one_to_the_version(on: Subject) -> None:
    """SET-5: Submit, promotion, claim, progress, cancel request and settle each add one to the version."""
    job = await on.submit(delay_ms=1_000)
    versions = [job.version]

    async def note() -> None:
        versions.append((await on.get(job.job_id)).version)

    on.advance(1_000)
    await on.claim(limit=0)
    await note()
    claim = await on.take()
    await note()
    same("progress", await on.store.progress(claim.job_id, claim.fence, b'{"percent": 5}', now=on.now), True)
    await note()
    same("the progress", (await on.get(job.job_id)).progress, b'{"percent": 5}')
    await on.store.cancel(claim.job_id, now=on.now)
    await note()
    await on.settle(claim, "stopped")
    await note()
    first = versions[0]
    same("the versions", versions, [first + step for step in range(6)])
