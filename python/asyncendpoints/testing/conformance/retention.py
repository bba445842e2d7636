"""How long things are kept, and how they go: IDM-4 and RTN-1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import new_job_id
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.subject import DAY_MS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject

HOUR_MS = 3_600_000


async def _sweep(on: Subject) -> tuple[int, int]:
    return await on.store.strip(limit=1_000, now=on.now), await on.store.prune(limit=1_000, now=on.now)


@rule()
async def idm_4_an_unkeyed_job_goes_at_the_end_of_its_retention(on: Subject) -> None:
    """IDM-4: A job without a key is there until its retention has passed, and then it goes at once."""
    for state, kept in (("completed", 1_000), ("failed", 2_000), ("canceled", 2_000)):
        job = await on.finish(state, retention_completed_ms=1_000, retention_failed_ms=2_000, payload=b"p")
        same("when it goes", job.expires_at, on.now + kept)
        on.advance(kept - 1)
        before = await on.picture(job.job_id)
        same(
            f"a sweep before a {state} job's time",
            (await _sweep(on), await on.picture(job.job_id)),
            ((0, 0), before),
        )
        on.advance(1)
        await _sweep(on)
        same(f"the {state} job afterwards", await on.store.get(job.job_id), None)


@rule()
async def idm_4_a_keyed_jobs_record_stays_for_a_day_without_its_bodies(on: Subject) -> None:
    """IDM-4: A keyed job loses its bodies at its retention's end; its record answers for a day."""
    job = await on.finish("completed", key="k", payload=b"p", request=b"r", retention_completed_ms=HOUR_MS, owner="ada")
    await on.store.prune(limit=1_000, now=on.now)
    on.advance(HOUR_MS - 1)
    same("before its time", await on.store.strip(limit=10, now=on.now), 0)
    on.advance(1)
    same("at its time", await on.store.strip(limit=10, now=on.now), 1)
    same("again", await on.store.strip(limit=10, now=on.now), 0)
    kept = await on.get(job.job_id)
    same("what is gone", (kept.payload, kept.result, kept.result_meta), (None, None, None))
    same(
        "what is kept",
        (kept.state, kept.stripped, kept.request_id, kept.owner, kept.finished_at, kept.expires_at),
        ("completed", True, "k", "ada", job.finished_at, job.expires_at),
    )
    (answer,) = await on.enqueue(on.new_job(key="k"))
    same("a replay", (answer.word, answer.job and answer.job.job_id), ("replayed", job.job_id))
    on.advance(DAY_MS - HOUR_MS - 1)
    same("a prune within the day", await on.store.prune(limit=10, now=on.now), 0)
    on.advance(1)
    same("a prune after it", await on.store.prune(limit=10, now=on.now), 1)
    same("the record", await on.store.get(job.job_id), None)
    (answer,) = await on.enqueue(on.new_job(key="k"))
    same("the key", answer.word, "created")


@rule()
async def idm_4_a_key_lives_as_long_as_its_job(on: Subject) -> None:
    """IDM-4: A job that is kept for longer than a day keeps its key for as long."""
    job = await on.finish("completed", key="k", retention_completed_ms=3 * DAY_MS)
    on.advance(3 * DAY_MS - 1)
    same("a sweep before", await _sweep(on), (0, 0))
    (answer,) = await on.enqueue(on.new_job(key="k", fingerprint=b"g" * 32))
    same("the key", answer.word, "key_reused")
    on.advance(1)
    await _sweep(on)
    same("the job", await on.store.get(job.job_id), None)
    (answer,) = await on.enqueue(on.new_job(key="k", fingerprint=b"g" * 32))
    same("the key afterwards", answer.word, "created")


@rule()
async def idm_4_no_retention_at_all_is_a_retention_too(on: Subject) -> None:
    """IDM-4: With no retention an unkeyed job goes at the next sweep; a keyed one leaves its record."""
    plain = await on.finish("completed", retention_completed_ms=0)
    keyed = await on.finish("completed", retention_completed_ms=0, key="k")
    await _sweep(on)
    same("the unkeyed one", await on.store.get(plain.job_id), None)
    same("the keyed one", (await on.get(keyed.job_id)).stripped, True)


@rule()
async def rtn_1_a_job_that_has_not_ended_is_never_pruned(on: Subject) -> None:
    """RTN-1: However old it is, a job that waits or runs is neither stripped nor pruned."""
    jobs = [
        (await on.start(retention_completed_ms=0, retention_failed_ms=0, payload=b"p")).job_id,
        (await on.submit(retention_completed_ms=0, retention_failed_ms=0, key="k")).job_id,
        (await on.submit(retention_completed_ms=0, retention_failed_ms=0, delay_ms=400 * DAY_MS)).job_id,
    ]
    before = [await on.picture(job_id) for job_id in jobs]
    on.advance(300 * DAY_MS)
    same("a sweep", await _sweep(on), (0, 0))
    same("the jobs", [await on.picture(job_id) for job_id in jobs], before)


@rule()
async def rtn_1_only_prune_deletes(on: Subject) -> None:
    """RTN-1: No time limit deletes anything by itself: until prune has come, a job is there."""
    job = await on.finish("completed", retention_completed_ms=1_000, payload=b"p")
    on.advance(10 * DAY_MS)
    await on.claim()
    await on.rescue()
    kept = await on.get(job.job_id)
    same("the job long past its time", (kept.state, kept.result), ("completed", b"1"))


@rule()
async def rtn_1_prune_and_strip_work_in_bounded_batches_until_nothing_is_left(on: Subject) -> None:
    """RTN-1: A prune deletes at most its limit; repeated, it leaves nothing behind."""
    for number in range(25):
        await on.finish("completed", retention_completed_ms=1_000, key=f"k-{number}" if number % 2 else None)
    on.advance(2_000)
    sizes = [await on.store.strip(limit=5, now=on.now) for _ in range(4)]
    same("stripped", sizes, [5, 5, 2, 0])
    on.advance(DAY_MS)
    sizes = [await on.store.prune(limit=10, now=on.now) for _ in range(4)]
    same("pruned", sizes, [10, 10, 5, 0])
    stats = await on.store.stats(now=on.now)
    same("counts", [number for states in stats.counts.values() for number in states.values() if number], [])
    page = await on.store.list(JobFilter(), limit=10)
    same("listed", page.jobs, [])
    (answer,) = await on.enqueue(on.new_job(key="k-1", fingerprint=b"g" * 32))
    same("a key", answer.word, "created")


@rule()
async def rtn_1_pruning_takes_effects_with_it_unless_a_redrive_needs_them(on: Subject) -> None:
    """RTN-1: A job's effects go with it, and stay while a job that repeats it is there."""
    first = await on.start(max_attempts=1, retention_failed_ms=1_000)
    await on.reserve(first, "mail")
    await on.record(first, "mail", value=b"1")
    await on.settle(first, "raised")
    second = await on.start(redrive_of=first.job_id, origin=first.job_id, retention_completed_ms=1_000)
    on.advance(1_000)
    await _sweep(on)
    same("the first", await on.store.get(first.job_id), None)
    answer = await on.reserve(second, "mail", nonce="m-2")
    same("its effect, seen by the second", (answer.word, answer.value), ("recorded", b"1"))
    await on.settle(second)
    on.advance(1_000)
    await _sweep(on)
    third = await on.start(origin=first.job_id)
    same("when both are gone", (await on.reserve(third, "mail", nonce="m-3")).word, "reserved")


@rule()
async def rtn_1_a_reader_keeps_what_it_has_read(on: Subject) -> None:
    """RTN-1: What a reader holds does not change under it when the job is stripped, pruned or deleted."""
    job = await on.finish("completed", payload=b"p" * 5_000, retention_completed_ms=1_000)
    page = await on.store.list(JobFilter(), limit=10)
    before = (job.payload, job.result, [run.outcome for run in job.runs])
    on.advance(1_000)
    await _sweep(on)
    same("the job in hand", (job.payload, job.result, [run.outcome for run in job.runs]), before)
    same("the page in hand", [(held.job_id, held.payload) for held in page.jobs], [(job.job_id, job.payload)])
    same("a wait for it", await on.store.wait(job.job_id, version=job.version, timeout=0.01), None)


@rule()
async def rtn_1_delete_takes_only_what_has_ended(on: Subject) -> None:
    """RTN-1: A job that has ended can be deleted, with its key; one that has not is left alone."""
    for state in ("completed", "failed", "canceled"):
        job = await on.finish(state, key=state)
        same(f"of a {state} job", await on.store.delete(job.job_id), True)
        same("the job", await on.store.get(job.job_id), None)
        same("again", await on.store.delete(job.job_id), False)
        (answer,) = await on.enqueue(on.new_job(key=state, queue="after"))
        same("its key", answer.word, "created")
    waiting, scheduled, running = (
        await on.submit(queue="w"),
        await on.submit(delay_ms=5),
        await on.start(queue="r"),
    )
    for job_id in (waiting.job_id, scheduled.job_id, running.job_id):
        before = await on.picture(job_id)
        same("of one that has not ended", await on.store.delete(job_id), False)
        same("the job, untouched", await on.picture(job_id), before)
    same("of one that is not there", await on.store.delete(new_job_id(now=on.now)), False)
    holds("the running job can still be settled", await on.settle(running) == "completed")
