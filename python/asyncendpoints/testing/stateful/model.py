"""What a store is, as plainly as it can be written: a dictionary of jobs and a scan for every question.

It knows no index, no lock and no batch, so that it is easily seen to be right. It is told times and verdicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.testing.stateful.model_effects import ModelEffects
from asyncendpoints.testing.stateful.model_job import TERMINAL, ModelJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import NewJob, Settlement, Verdict
    from asyncendpoints.stores.base import JobFilter

PROMOTED_AT_ONCE = 1_000


class ModelStore:
    """A store of one dictionary."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.paused: set[str] = set()
        self.effects = ModelEffects()

    # Submissions

    def enqueue(self, new: NewJob, max_queued: int | None, now: int) -> tuple[str, dict[str, Any] | None]:
        """Return the word, and the picture of the job where there is one."""
        if new.job_id in self.jobs:
            return "created", self.jobs[new.job_id].picture()
        for job in self.jobs.values():
            if new.key is not None and (job.new.scope, job.new.key) == (new.scope, new.key):
                if job.new.fingerprint == new.fingerprint:
                    return "replayed", job.picture()
                return "key_reused", None
        waiting = [
            job for job in self.jobs.values() if job.new.queue == new.queue and job.state in {"scheduled", "queued"}
        ]
        if max_queued is not None and len(waiting) >= max_queued:
            return "queue_full", None
        job = self.jobs[new.job_id] = ModelJob(new, now)
        return "created", job.picture()

    # Claims

    def claim(
        self, *, worker: str, claim_id: str, queues: Sequence[str], limit: int, lease_ms: int, now: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return what each claim says, and when the next job is due."""
        self.promote(now, queues)
        ready = self._sorted("queued", lambda job: (-job.new.priority, job.ready_at), queues)
        taken = [job for job in ready if job.new.queue not in self.paused][:limit]
        for job in taken:
            job.begin_run(worker, claim_id, now + lease_ms, now)
        still = self._sorted("scheduled", lambda job: job.ready_at, queues)
        return [job.claimed() for job in taken], max(0, still[0].ready_at - now) if still else None

    def promote(self, now: int, queues: Sequence[str] | None = None) -> None:
        """Make due jobs queued, the earliest first, in these queues or in all."""
        scheduled = self._sorted("scheduled", lambda job: job.ready_at, queues)
        for job in [job for job in scheduled if job.ready_at <= now][:PROMOTED_AT_ONCE]:
            job.state = "queued"
            job.touch(now)

    def release_claim(self, claim_id: str, decide_release: Callable[[ModelJob], Verdict], now: int) -> int:
        """Return how many runs were given back."""
        mine = [job for job in self.jobs.values() if job.state == "in_progress" and job.claim_id == claim_id]
        for job in mine:
            job.end_run(decide_release(job), None, now)
        return len(mine)

    def _sorted(
        self, state: str, order: Callable[[ModelJob], Any], queues: Sequence[str] | None = None
    ) -> list[ModelJob]:
        found = [
            job for job in self.jobs.values() if job.state == state and (queues is None or job.new.queue in queues)
        ]
        return sorted(found, key=lambda job: (order(job), job.new.job_id))

    # What a holder does

    def _held(self, job_id: str, fence: int) -> ModelJob | None:
        job = self.jobs.get(job_id)
        return job if job is not None and job.state == "in_progress" and job.fence == fence else None

    def holds(self, job_id: str, fence: int) -> bool:
        """Return whether this run holds its job."""
        return self._held(job_id, fence) is not None

    def renew(self, job_id: str, fence: int, lease_ms: int, now: int) -> str:
        """Return the word."""
        job = self._held(job_id, fence)
        if job is None:
            return "stale"
        job.lease_until = now + lease_ms
        return "renewed" if job.cancel_requested_at is None else "cancel_requested"

    def settle(self, settlement: Settlement, now: int) -> str:
        """Return the state that the job went to, or `stale`."""
        job = self._held(settlement.job_id, settlement.fence)
        if job is None:
            known = self.jobs.get(settlement.job_id)
            if known is not None and settlement.nonce and known.settled[:2] == (settlement.fence, settlement.nonce):
                return known.settled[2]
            return "stale"
        if settlement.only_expired and now <= job.lease_until:
            return "stale"
        verdict = settlement.verdict if job.cancel_requested_at is None else settlement.verdict_if_canceled
        job.end_run(verdict, settlement, now)
        return job.state

    def progress(self, job_id: str, fence: int, body: bytes, now: int) -> bool:
        """Return whether the run is the holder."""
        job = self._held(job_id, fence)
        if job is not None:
            job.progress = body
            job.touch(now)
        return job is not None

    def reserve(self, job_id: str, fence: int, key: str, nonce: str, takeover: bool) -> tuple[str, bytes | None]:
        """Return the word, and the value where it was recorded."""
        job = self._held(job_id, fence)
        return ("stale", None) if job is None else self.effects.reserve(job.origin, key, nonce, takeover)

    def record(self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None) -> bool:
        """Return whether it is as wanted."""
        job = self._held(job_id, fence)
        return job is not None and self.effects.record(job.origin, key, nonce, value)

    # What anybody does

    def expired(self, now: int) -> dict[str, tuple[int, int, int, bool, str]]:
        """Return the facts of every run whose lease has passed, by job."""
        return {
            job.new.job_id: (
                job.fence,
                job.attempt,
                job.new.max_attempts,
                job.cancel_requested_at is not None,
                job.new.handler,
            )
            for job in self.jobs.values()
            if job.state == "in_progress" and job.lease_until < now
        }

    def cancel(self, job_id: str, now: int) -> str:
        """Return the word."""
        job = self.jobs.get(job_id)
        if job is None:
            return "missing"
        if job.state in TERMINAL:
            return "already" if job.state == "canceled" else "refused"
        if job.state == "in_progress":
            if job.cancel_requested_at is None:
                job.cancel_requested_at = now
                job.touch(now)
            return "requested"
        job.state = "canceled"
        job.cancel_requested_at = job.finished_at = now
        job.touch(now)
        return "canceled"

    def run_now(self, job_id: str, now: int) -> None:
        """Make a scheduled job queued."""
        job = self.jobs.get(job_id)
        if job is not None and job.state == "scheduled":
            job.state = "queued"
            job.ready_at = now
            job.touch(now)

    # Retention

    def strippable(self, now: int) -> set[str]:
        """Return the jobs whose bodies are to go while the key keeps the record."""
        return {
            job_id
            for job_id, job in self.jobs.items()
            if job.done and not job.stripped and job.expires_at <= now < job.forgotten_at
        }

    def strip(self, job_id: str, now: int) -> None:
        """Drop the bodies of a job."""
        self.jobs[job_id].strip(now)

    def prunable(self, now: int) -> set[str]:
        """Return the jobs that nothing keeps any more."""
        return {job_id for job_id, job in self.jobs.items() if job.done and job.forgotten_at <= now}

    def remove(self, job_id: str) -> None:
        """Forget a job, and the effects that no job is left to ask for."""
        del self.jobs[job_id]
        kept = {job.new.job_id for job in self.jobs.values()} | {job.origin for job in self.jobs.values()}
        self.effects.keep_only(kept)

    # Questions about many

    def listing(self, where: JobFilter) -> list[str]:
        """Return the matching jobs, newest first."""
        found = [
            job
            for job in self.jobs.values()
            if where.state in {None, job.state}
            and where.queue in {None, job.new.queue}
            and where.handler in {None, job.new.handler}
            and where.owner in {None, job.new.owner}
            and where.request_id in {None, job.new.key}
            and (where.created_since is None or job.created_at >= where.created_since)
            and (where.created_before is None or job.created_at < where.created_before)
        ]
        return [job.new.job_id for job in sorted(found, key=lambda job: (job.created_at, job.new.job_id), reverse=True)]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many jobs are in each queue and state."""
        counts: dict[tuple[str, str], int] = {}
        for job in self.jobs.values():
            place = (job.new.queue, job.state)
            counts[place] = counts.get(place, 0) + 1
        return counts

    def oldest_ready(self, now: int) -> dict[str, int]:
        """Return since when the oldest job waits in each queue, due ones included."""
        oldest: dict[str, int] = {}
        for job in self.jobs.values():
            if job.state == "queued" or (job.state == "scheduled" and job.ready_at <= now):
                oldest[job.new.queue] = min(job.ready_at, oldest.get(job.new.queue, job.ready_at))
        return oldest

    def moments(self) -> list[int]:
        """Return the times at which something becomes due, is past, or is to go, earliest first."""
        return sorted({moment for job in self.jobs.values() for moment in job.moments()})
