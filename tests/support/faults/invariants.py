"""What is true after every fault, of the store and of what the handlers really did."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from asyncendpoints.stores.base import JobFilter
from tests.support.faults.application import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from asyncendpoints import AsyncEndpoints, Job
    from tests.support.faults.journal import Journal


async def all_ended(jobs: AsyncEndpoints, accepted: Collection[str], within: float) -> dict[str, Job]:
    """Wait until every job has ended, and return them.

    Args:
        jobs: A started application on the store.
        accepted: The ids of all jobs.
        within: Seconds for all of them together.
    """
    loop_time = jobs.engine.clock.monotonic
    deadline = loop_time() + within
    return {job_id: await jobs.wait(job_id, max(0.1, deadline - loop_time())) for job_id in accepted}


async def assert_invariants(
    jobs: AsyncEndpoints, accepted: Collection[str], journal: Journal, *, within: float = 60.0
) -> dict[str, Job]:
    """Wait for the end of all jobs; then none is lost, doubled or half done. Return them.

    Args:
        jobs: A started application on the store.
        accepted: The ids of all jobs that any client was told of, or that must be there otherwise.
        journal: What the handlers noted.
        within: Seconds until all have ended.
    """
    ended = await all_ended(jobs, accepted, within)
    assert await listed(jobs) == Counter(accepted), "the store holds other jobs than those accepted"
    for job in ended.values():
        _assert_runs(job)
    _assert_journal(ended, journal)
    await assert_sound(jobs)
    again = {job_id: await jobs.get(job_id) for job_id in accepted}
    states = {job_id: (job.state, job.version) for job_id, job in ended.items()}
    assert {job_id: (job.state, job.version) for job_id, job in again.items()} == states, "an end is for ever"
    return ended


async def listed(jobs: AsyncEndpoints) -> Counter[str]:
    """Return the ids of every job that the store lists, and how often."""
    found: Counter[str] = Counter()
    cursor: str | None = None
    while True:
        page = await jobs.engine.store.list(JobFilter(), cursor=cursor)
        found.update(job.job_id for job in page.jobs)
        cursor = page.cursor
        if cursor is None:
            return found


async def assert_sound(jobs: AsyncEndpoints) -> None:
    """Complain unless every index entry has a job and the reverse, as the store's own check sees it."""
    findings = await jobs.engine.store.fsck()
    assert not findings, findings


def _assert_runs(job: Job) -> None:
    runs = job.runs
    numbers = [run.number for run in runs]
    assert numbers == sorted(set(numbers)), f"{job.job_id}: runs are numbered by their fences: {numbers}"
    assert 0 <= job.attempt <= MAX_ATTEMPTS, job
    charged = [run for run in runs if run.outcome != "released"]
    assert len(charged) <= MAX_ATTEMPTS, runs
    for earlier, later in pairwise(runs):
        assert earlier.finished_at is not None, f"{job.job_id}: two runs hold the job at once: {runs}"
        assert earlier.finished_at <= later.started_at, f"{job.job_id}: two leases at once: {runs}"
    if job.state == "completed":
        assert [run.outcome for run in runs].count("completed") == 1, runs
        assert runs[-1].outcome == "completed", runs
    elif job.state == "failed":
        assert len(charged) == MAX_ATTEMPTS or b"effect-uncertain" in (job.error or b""), (job.error, runs)


def _assert_journal(ended: dict[str, Job], journal: Journal) -> None:
    entries = [entry for entry in journal.entries() if entry.job_id in ended]
    started = Counter((entry.job_id, entry.fence) for entry in entries if entry.word == "start")
    assert set(started.values()) <= {1}, "a run's handler was started twice"
    for job_id, fence in started:
        assert fence in {run.number for run in ended[job_id].runs}, f"{job_id} ran under fence {fence}, never given"
    finished = {(entry.job_id, entry.fence) for entry in entries if entry.word == "end"}
    for job in ended.values():
        if job.state == "completed":
            assert (job.job_id, job.runs[-1].number) in finished, "a job completed without its handler's end"
    effects = Counter(entry.job_id for entry in entries if entry.word == "effect")
    assert set(effects.values()) <= {1}, "an effect of once happened twice"
