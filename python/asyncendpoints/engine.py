"""One application's engine: it starts, drains and ends the worker and the sweep, and answers every question."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final

from asyncendpoints import forks, submission
from asyncendpoints.bulk import enqueue_all
from asyncendpoints.clock import SystemClock
from asyncendpoints.errors import (
    ConfigurationError,
    ForkedWorker,
    JobNotCancelable,
    JobNotFound,
    NotStarted,
    StoreUnavailable,
)
from asyncendpoints.maintenance import Maintenance
from asyncendpoints.observability.logging import install_record_factory
from asyncendpoints.signals import ShutdownSignals
from asyncendpoints.start_log import describe_start
from asyncendpoints.worker import Worker

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence

    from asyncendpoints._core import Cancellation
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.registry import Registry
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.submission import Draft, Submission

NOT_STARTED: Final = (
    "the embedded worker was never started, so the job would never run: call jobs.install(app) on the application "
    "that the server runs (not on a mounted one), use `async with jobs:` in a script, or set worker=False where "
    "another process works"
)

_log = logging.getLogger(__name__)


class Engine:
    """What the facade and the HTTP layer drive.

    Args:
        store: Where jobs are kept.
        registry: The handlers of this process.
        settings: The application's settings.
        clock: Where time comes from; None is the system's clock.
    """

    def __init__(self, store: Store, registry: Registry, settings: Settings, clock: Clock | None = None) -> None:
        self.store = store
        self.registry = registry
        self.settings = settings
        self.clock: Clock = SystemClock() if clock is None else clock
        self._generation = forks.generation()
        self._lives = 0
        self._forget()

    def _forget(self) -> None:
        self._started = False
        self._works: bool | None = None
        self._draining = False
        self._opened = False
        self._worker: Worker | None = None
        self._maintenance: Maintenance | None = None
        self._signals: ShutdownSignals | None = None
        self._signals_seen = 0
        self._ending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._waits: set[asyncio.Task[Job | None]] = set()

    @property
    def started(self) -> bool:
        """Whether `start` has been called, and `close` not since."""
        return self._started

    @property
    def draining(self) -> bool:
        """Whether a drain has begun: held waits and streams are to end."""
        return self._draining

    @property
    def worker_running(self) -> bool:
        """Whether this process runs jobs."""
        return self._worker is not None and not self._draining

    @property
    def worker(self) -> Worker | None:
        """The worker of this process, while it has one."""
        return self._worker

    @property
    def maintenance(self) -> Maintenance | None:
        """The sweep of this process, while it is started."""
        return self._maintenance

    def ready(self) -> list[str]:
        """Return why this process is not ready to serve; an empty list where it is. The store is not asked."""
        reasons: list[str] = []
        if not self._started:
            reasons.append("not started")
        if self._draining:
            reasons.append("draining")
        return reasons

    async def check_ready(self) -> list[str]:
        """Return the same, having asked the store too."""
        reasons = self.ready()
        try:
            await self.store.ping()
        except StoreUnavailable as error:
            reasons.append(f"the store does not answer: {error}")
        return reasons

    # Life.

    async def start(self, *, worker: bool | None = None) -> None:
        """Open the store, start the sweep and, where `worker` says so, the worker; on the running event loop.

        Args:
            worker: Whether this process runs jobs; None is what the setting says.

        Raises:
            ConfigurationError: The engine is already started.
            StoreUnavailable: The store does not answer.
        """
        if self._generation != forks.generation():
            # What the parent started stayed with the parent; this is the child's own.
            self._generation = forks.generation()
            self._forget()
        if self._started:
            raise ConfigurationError("already started; an application is started once, by its lifespan or by you")
        self._started = True
        self._lives += 1
        self._works = self.settings.worker if worker is None else worker
        try:
            await self._open()
        except BaseException:
            self._started = False
            raise
        install_record_factory()
        self._maintenance = Maintenance(self.store, self.settings, self.clock)
        if self._works:
            self._worker = Worker(self.store, self.registry, self.settings, self.clock)
        self._signals = ShutdownSignals(self._signaled)
        name = None if self._worker is None else self._worker.name
        _log.info("%s", describe_start(self.store.traits, self.settings, self.registry.queues, name))

    async def _open(self) -> None:
        if not self._opened:
            await self.store.open()
            self._opened = True

    def _signaled(self, number: signal.Signals, alone: bool) -> None:
        self._signals_seen += 1
        if self._signals_seen > 1:
            self.release_now()
            return
        _log.info("%s received, draining", number.name)
        self.begin_drain()
        if alone:
            self._ending = asyncio.get_running_loop().create_task(self._end_process(number))

    async def _end_process(self, number: signal.Signals) -> None:
        # Nobody else acts on the signal: its default action, which was put off for the drain, follows now.
        signals = self._signals
        await self.stop()
        if signals is not None:
            signals.act(number)

    def begin_drain(self) -> None:
        """Stop claiming, be unready, let held waits answer and streams close. Idempotent; on the engine's loop."""
        if self._draining or not self._started:
            return
        self._draining = True
        if self._worker is not None:
            self._worker.stop_claiming()
        for wait in tuple(self._waits):
            wait.cancel()

    async def drain(self, grace: float | None = None) -> None:
        """Begin the drain, give handlers `grace` seconds (None: the setting), give back what still runs."""
        self.begin_drain()
        if self._worker is not None:
            await self._worker.drain(self.settings.shutdown_grace if grace is None else grace)

    def release_now(self) -> None:
        """End the grace and give back what still runs: the second signal. A drain has to be going on, or follow."""
        self.begin_drain()
        if self._worker is not None:
            self._worker.leave_now()

    async def stop(self, grace: float | None = None) -> None:
        """Drain and close: what is started meanwhile, after another stop has ended first, is left alone."""
        life = self._lives
        try:
            await self.drain(grace)
        finally:
            if life == self._lives:
                await self.close()

    async def close(self) -> None:
        """End everything that `start` started, without grace. Idempotent; the engine can be started again."""
        if not self._started or self._generation != forks.generation():
            return
        self.begin_drain()
        if self._closing is None or self._closing.done():
            self._closing = asyncio.get_running_loop().create_task(self._close())
        # Whoever asks for it waits for the same one, which goes on although one of them is cancelled.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        worker, maintenance, signals = self._worker, self._maintenance, self._signals
        if worker is not None:
            await worker.drain(0)
            await worker.close()
        if maintenance is not None:
            await maintenance.close()
        if signals is not None:
            signals.restore()
        try:
            if self._opened:
                await self.store.close()
        finally:
            ending = self._ending
            self._forget()
            self._ending = ending  # it may be what calls this
        _log.info("ended")

    def override(
        self,
        *,
        worker: bool | None = None,
        concurrency: int | None = None,
        queues: tuple[str, ...] | Mapping[str, int] | None = None,
    ) -> None:
        """Change settings before the start, as a worker process's command line does; None leaves one as it is.

        Raises:
            ConfigurationError: A value cannot work, or the engine has started.
        """
        if self._started:
            raise ConfigurationError("settings can only be changed before the start")
        changes = {"worker": worker, "concurrency": concurrency, "queues": queues}
        self.settings = replace(self.settings, **{name: value for name, value in changes.items() if value is not None})

    # Questions.

    def _check_alive(self) -> None:
        if self._generation != forks.generation():
            if self._started:
                raise ForkedWorker(
                    "this process was forked from one whose worker had started; start one of its own after the fork"
                )
            self._generation = forks.generation()
            self._forget()

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

    async def enqueue(self, job: NewJob, now: int | None) -> Submission:
        """Store a job, or find the earlier one of its key: `submit` without a draft.

        Raises:
            SubmissionRefused: The key was reused, or the queue is full.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer; the same job may be stored again.
            ForkedWorker: The process was forked after the start.
        """
        if not self._started or self._generation != forks.generation():
            await self._check_accepting()
        (answer,) = await self.store.enqueue((job,), max_queued=self.settings.max_queued, now=now)
        return submission.accepted(job, answer)

    async def enqueue_all(self, jobs: Sequence[NewJob], now: int | None) -> list[Submission]:
        """Store many jobs in few calls.

        Raises:
            BatchRefused: The store refused some; it says which were stored.
            NotStarted: This process's worker was never started.
            StoreUnavailable: The store does not answer; some may be stored.
            ForkedWorker: The process was forked after the start.
        """
        await self._check_accepting()
        return await enqueue_all(self.store, jobs, max_queued=self.settings.max_queued, now=now)

    async def _check_accepting(self) -> None:
        self._check_alive()
        if not self._started:
            if self.settings.worker if self._works is None else self._works:
                raise NotStarted(NOT_STARTED)
            await self._open()

    async def get(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            JobNotFound: There is none.
            StoreUnavailable: The store does not answer.
        """
        self._check_alive()
        job = await self.store.get(job_id)
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
        waiting = asyncio.get_running_loop().create_task(self.store.wait(job_id, version=version, timeout=timeout))
        self._waits.add(waiting)

        def give_up() -> None:
            waiting.cancel()

        # The store counts the machine's seconds; a virtual clock's pass when the test says so.
        timer = self.clock.call_later(timeout, give_up)
        try:
            await asyncio.wait({waiting})
        finally:
            timer.cancel()
            self._waits.discard(waiting)
            waiting.cancel()
        job = await self.store.get(job_id) if waiting.cancelled() else waiting.result()
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
        answer = await self.store.cancel(job_id, now=self.clock.store_now())
        if answer.word == "missing":
            raise JobNotFound(job_id)
        if answer.word == "refused":
            raise JobNotCancelable(job_id, "ended" if answer.job is None else answer.job.state)
        return answer

    async def redrive(self, job_id: str) -> Job:
        """Make a new job that repeats a failed one, and shares its effects of `once`.

        Raises:
            JobNotFound: There is none.
            JobNotRedrivable: It has not failed, or its payload is no longer kept.
            QueueFull: `max_queued` is reached.
            StoreUnavailable: The store does not answer.
        """
        job = await self.get(job_id)
        return await submission.redrive(job, store=self.store, settings=self.settings, clock=self.clock)
