"""What is asked of an engine about jobs: to submit, find, await, cancel and redrive them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf
from typing import TYPE_CHECKING

from asyncendpoints import submission, with_outbox
from asyncendpoints._core import Meters
from asyncendpoints.bulk import enqueue_all, enqueue_all_in, submissions
from asyncendpoints.clock import SystemClock
from asyncendpoints.errors import JobNotCancelable, JobNotFound
from asyncendpoints.job_log import log_cancel
from asyncendpoints.observability import tracing
from asyncendpoints.waits import HeldWaits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Cancellation
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import DatabaseSession, Outbox
    from asyncendpoints.submission import Draft, Submission


class Questions(ABC):
    """Answers questions about jobs, from the store and the outbox.

    Args:
        store: Where jobs are kept.
        settings: The application's settings.
        clock: Where time comes from; None is the system's clock.
        outbox: Where submissions of the user's own transactions wait for their way to the store, if anywhere.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock | None, outbox: Outbox | None) -> None:
        self.store = store
        self.outbox = outbox
        self.settings = settings
        self.clock: Clock = SystemClock() if clock is None else clock
        self.meters = Meters()
        """What this process has counted of its jobs since the engine was made."""
        self._draining = False
        self._waits = HeldWaits()

    @property
    @abstractmethod
    def _accepts(self) -> bool:
        """Whether there is nothing to check before a submission."""

    @abstractmethod
    def _check_alive(self) -> None:
        """Raise `ForkedWorker` where what was started stayed with the parent process."""

    @abstractmethod
    async def _check_accepting(self) -> None:
        """Raise `NotStarted` where a job would never run, and open the store where nobody has."""

    async def submit(self, draft: Draft) -> Submission:
        """Store a draft's job, or find the earlier one of its key.

        Raises:
            SubmissionRefused: The key was reused, or the queue is full.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer; the same draft may be submitted again with its key.
            ForkedWorker: The process was forked after the start.
        """
        now = self.clock.store_now()
        return await self.enqueue(draft.new_job(now=now), now)

    async def enqueue(self, job: NewJob, now: int | None, session: DatabaseSession | None = None) -> Submission:
        """Store a job, or find the earlier one of its key: `submit` without a draft.

        Args:
            job: What to store.
            now: The time, where a virtual clock rules.
            session: The user's, in whose transaction to store it; None is a transaction of its own.

        Raises:
            ConfigurationError: The session cannot carry a job.
            SubmissionRefused: The key was reused, or the queue is full.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer; the same job may be stored again.
            ForkedWorker: The process was forked after the start.
        """
        if not self._accepts:
            await self._check_accepting()
        if not tracing.enabled():
            return await self._enqueue(job, now, session)
        with tracing.submission(job.handler, job.queue) as sending:
            stored = await self._enqueue(submission.traced(job, sending.context), now, session)
            sending.stored(stored.job.job_id, replayed=stored.replayed)
            return stored

    async def _enqueue(self, job: NewJob, now: int | None, session: DatabaseSession | None) -> Submission:
        new = (job,)
        if session is None:
            answers = await self.store.enqueue(new, max_queued=self.settings.max_queued, now=now)
        else:
            where = with_outbox.transactional(self.store, self.outbox)
            answers = await where.enqueue_in(session, new, max_queued=self.settings.max_queued, now=now)
        (answer,) = answers
        self.meters.submitted(new, answers)
        return submission.accepted(job, answer)

    async def enqueue_all(
        self, jobs: Sequence[NewJob], now: int | None, session: DatabaseSession | None = None
    ) -> list[Submission]:
        """Store many jobs in few calls, or in a transaction of the user's.

        Raises:
            ConfigurationError: The session cannot carry jobs.
            BatchRefused: The store refused some; it says which were stored.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer; some may be stored.
            ForkedWorker: The process was forked after the start.
        """
        await self._check_accepting()
        if not jobs or not tracing.enabled():
            return await self._enqueue_all(jobs, now, session)
        # One span for all of them, however many there are, which stands as well for where each was created.
        with tracing.submission(jobs[0].handler, jobs[0].queue, count=len(jobs)) as sending:
            trace = sending.context
            return await self._enqueue_all([submission.traced(job, trace) for job in jobs], now, session)

    async def _enqueue_all(
        self, jobs: Sequence[NewJob], now: int | None, session: DatabaseSession | None
    ) -> list[Submission]:
        if session is None:
            answers = await enqueue_all(self.store, jobs, max_queued=self.settings.max_queued, now=now)
        else:
            where = with_outbox.transactional(self.store, self.outbox)
            answers = await enqueue_all_in(where, session, jobs, max_queued=self.settings.max_queued, now=now)
        self.meters.submitted(jobs, answers)
        return submissions(jobs, answers)

    async def get(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            JobNotFound: There is none.
            StoreUnavailable: The store does not answer.
        """
        self._check_alive()
        job = await with_outbox.find(self.store, self.outbox, job_id, now=self.clock.store_now())
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job:  # noqa: ASYNC109 (a long poll)
        """Return the job at its first version above `version`, when it is done, after `timeout` s, or at a drain.

        Raises:
            JobNotFound: There is none, or it was pruned meanwhile.
            StoreUnavailable: The store does not answer.
        """
        self._check_alive()
        if self._draining or timeout <= 0:
            return await self.get(job_id)
        now = self.clock.store_now()
        wait = with_outbox.watch(self.store, self.outbox, job_id, version=version, timeout=timeout, now=now)
        job, is_over = await self._waits.hold(wait, seconds=timeout, clock=self.clock)
        if not is_over:
            return await self.get(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    async def wait_until_done(self, job_id: str, timeout: float | None) -> Job:  # noqa: ASYNC109 (a long poll)
        """Return the job once it has ended.

        Raises:
            TimeoutError: It has not within `timeout` seconds, or before a drain began.
            JobNotFound: There is none.
        """
        deadline = inf if timeout is None else self.clock.monotonic() + timeout
        job = await self.get(job_id)
        while not job.done:
            left = min(deadline - self.clock.monotonic(), 3600.0)
            if left <= 0 or self._draining:
                raise TimeoutError(f"job {job_id} is still {job.state}")
            job = await self.wait(job_id, version=job.version, timeout=left)
        return job

    async def cancel(self, job_id: str) -> Cancellation:
        """Cancel the job: at once where it waits, by telling its handler where it runs.

        Raises:
            JobNotFound: There is none.
            JobNotCancelable: It has completed or failed.
            StoreUnavailable: The store does not answer.
        """
        self._check_alive()
        answer = await with_outbox.cancel(self.store, self.outbox, job_id, now=self.clock.store_now())
        if answer.word == "missing":
            raise JobNotFound(job_id)
        if answer.word == "refused":
            raise JobNotCancelable(job_id, "ended" if answer.job is None else answer.job.state)
        if answer.job is not None:
            ended = answer.word == "canceled"
            if ended:
                self.meters.canceled(answer.job)
            log_cancel(answer.job, ended=ended)
        return answer

    async def redrive(self, job_id: str, *, once: bool = False) -> Job:
        """Make a new job that repeats a failed one, and shares its effects of `once`.

        Args:
            job_id: The failed job's.
            once: Whether all who ask so get one and the same new job.

        Raises:
            JobNotFound: There is none.
            JobNotRedrivable: It has not failed, or its payload is no longer kept.
            QueueFull: `max_queued` is reached.
            StoreUnavailable: The store does not answer.
        """
        job = await self.get(job_id)
        return await submission.redrive(
            job, store=self.store, settings=self.settings, clock=self.clock, meters=self.meters, once=once
        )
