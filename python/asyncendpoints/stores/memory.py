"""The store that keeps jobs in the memory of this process, in Rust.

It answers at once and never suspends, except in `wait`. Several event loops and threads of the process may
share one store; a forked child finds its copy empty.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from typing import TYPE_CHECKING, Final

from asyncendpoints import _core
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.base import StoreStats, StoreTraits
from asyncendpoints.stores.kept_reports import KeptReports
from asyncendpoints.stores.lease_table import LeaseTable, moment_of
from asyncendpoints.stores.wakes import Listeners, Waiters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Cancellation, Claims, Enqueued, Expired, Page, Reservation, Settlement
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.base import JobFilter, LeaseKeeper, Listener, Report, Reports
    from asyncendpoints.stores.lease_table import Moment

TRAITS: Final = StoreTraits(
    name="memory",
    durability="Jobs live in this process's memory and are lost when it ends; every process has its own.",
    shared=False,
    lossless_wakeups=True,
    renews_under_held_gil=True,
)

PROMOTED_AT_ONCE: Final = 1_000
"""How many jobs one sweep promotes at most (CLM-6)."""

_stores: weakref.WeakSet[MemoryStore] = weakref.WeakSet()


class MemoryStore:
    """Jobs in the memory of this process: for development, tests, and work that may be lost with the process.

    Its methods are those of `Store`, which documents them. They may be called on any event loop; after
    `close` they raise `StoreUnavailable` until `open`, which finds the jobs still there.
    """

    def __init__(self) -> None:
        self._core = _core.MemoryStore(self._tell)
        self._closed = False
        self._users = 0
        self._told: int | None = None
        self._reports = KeptReports()
        self._become_quiet()
        _stores.add(self)

    def _become_quiet(self) -> None:
        self._listeners = Listeners()
        self._waiters = Waiters()
        self._keepers: set[LeaseTable] = set()

    def start_over(self) -> None:
        """Forget every job and everybody who wants to be told: a forked child's first act."""
        # Loops, threads and the holders of locks stayed behind in the parent: nobody here is to be told.
        self._become_quiet()
        self._users = 0
        self._told = None
        self._reports = KeptReports()
        self._core.reset()

    def _tell(self, queues: list[str], job_ids: list[str], cancels: list[tuple[str, str, int]]) -> None:
        if queues:
            self._listeners.wake(queues)
        if job_ids:
            self._waiters.wake(job_ids)
        if cancels:
            self._listeners.cancel(cancels)

    def _present(self) -> Moment:
        return moment_of(self._told)

    @property
    def _opened(self) -> _core.MemoryStore:
        if self._closed:
            raise StoreUnavailable("the memory store is closed; open it again to go on with its jobs")
        return self._core

    @property
    def traits(self) -> StoreTraits:
        """What this store promises."""
        return TRAITS

    async def open(self) -> None:
        """Open it again after a `close`, with its jobs. A new store is open; each `open` wants a `close`."""
        self._closed = False
        self._users += 1

    async def close(self) -> None:
        """Where nobody else has it open, refuse every further call, and let those who wait go with what they know."""
        self._users = max(self._users - 1, 0)
        if self._users:
            return
        self._closed = True
        self._waiters.wake_all()
        for keeper in tuple(self._keepers):
            await keeper.close()

    async def ping(self) -> None:
        """Return if the store is open."""
        _ = self._opened

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs, each with its key."""
        return self._opened.enqueue(jobs, max_queued=max_queued, now=now)

    async def claim(
        self,
        *,
        worker: str,
        claim_id: str,
        queues: Sequence[str],
        limit: int,
        lease_ms: int,
        now: int | None = None,
    ) -> Claims:
        """Promote what is due, then take at most `limit` jobs in order."""
        self._told = now
        return self._opened.claim(
            worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=lease_ms, now=now
        )

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began."""
        return self._opened.release_claim(claim_id, now=now)

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases."""
        return [*self._opened.renew(leases, lease_ms=lease_ms, now=now)]

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs."""
        return [*self._opened.settle(settlements, now=now)]

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Promote what is due, renew what this process works on, then return runs whose lease has passed."""
        self._told = now
        core = self._opened
        core.promote(limit=PROMOTED_AT_ONCE, now=now)
        present = moment_of(now)
        for keeper in tuple(self._keepers):
            leases = list(keeper.renewable(present))
            answers = core.renew(leases, lease_ms=keeper.lease_ms, now=now)
            keeper.drop(lease for lease, answer in zip(leases, answers, strict=True) if answer == "stale")
        return core.expired(limit=limit, now=now)

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Apply the table's row for a cancel to the job's present state."""
        return self._opened.cancel(job_id, now=now)

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued."""
        return self._opened.run_now(job_id, now=now)

    async def get(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        return self._opened.get(job_id)

    async def wait(
        self,
        job_id: str,
        *,
        version: int,
        timeout: float,  # noqa: ASYNC109 (a long poll)
    ) -> Job | None:
        """Return the job once its version is above `version` or it is done, or after `timeout` seconds."""
        core = self._opened
        job = core.get(job_id)
        if job is None or job.done or job.version > version or timeout <= 0:
            return job
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        waiter = self._waiters.add(job_id)
        core.watch(job_id)
        try:
            while True:
                # Read after watching, so that a change in between is either seen here or told.
                job = core.get(job_id)
                if job is None or job.done or job.version > version or self._closed or loop.time() >= deadline:
                    return job
                await waiter.change(deadline)
        finally:
            core.unwatch(job_id)
            self._waiters.remove(job_id, waiter)

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return some jobs, newest first."""
        return self._opened.list(
            state=where.state,
            queue=where.queue,
            handler=where.handler,
            owner=where.owner,
            request_id=where.request_id,
            created_since=where.created_since,
            created_before=where.created_before,
            cursor=cursor,
            limit=limit,
        )

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Return counts and ages for every queue."""
        core = self._opened
        return StoreStats(core.counts(), core.oldest_ready(now=now), frozenset(core.paused()))

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Keep what a process tells of itself."""
        _ = self._opened
        return self._reports.report(report, now=_time(now))

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Return the signs of life, and the history from a slot on."""
        _ = self._opened
        return self._reports.reports(since=since, now=_time(now))

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop payloads and results past their retention where the key keeps the record."""
        return self._opened.strip(limit=limit, now=now)

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete records that nothing keeps any more."""
        return self._opened.prune(limit=limit, now=now)

    async def delete(self, job_id: str) -> bool:
        """Delete a job that has ended."""
        return self._opened.delete(job_id)

    def next_due(self) -> int | None:
        """Return when a sweep has something to do next, in UTC milliseconds: a test's clock need not stop before."""
        return self._opened.next_due()

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress."""
        return self._opened.progress(job_id, fence, body, now=now)

    async def reserve(
        self, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool = False, now: int | None = None
    ) -> Reservation:
        """Reserve an effect of `once`."""
        return self._opened.reserve(job_id, fence, key, nonce, takeover=takeover, now=now)

    async def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record a reserved effect's value, or give the reservation back."""
        return self._opened.record(job_id, fence, key, nonce, value, now=now)

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims from a queue."""
        self._opened.pause(queue, paused)

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Tell the listener of work in these queues and of cancels of this worker's runs."""
        return self._listeners.add(worker, queues, listener)

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseKeeper:
        """Make the lease keeper of a worker, whose name is not needed: a lease names its run.

        It is no thread but a part of the sweep. A sweep can only run where this process runs, so a blocked event loop
        or a held GIL stops the one who would take the leases away together with the one who renews them (LSE-3a,
        LSE-3b).
        """
        keeper = LeaseTable(
            lease_ms=lease_ms,
            max_stall_ms=max_stall_ms,
            present=self._present,
            on_close=self._keepers.discard,
        )
        self._keepers.add(keeper)
        return keeper


def _time(now: int | None) -> int:
    return time.time_ns() // 1_000_000 if now is None else now


def _start_over_in_child() -> None:
    for store in tuple(_stores):
        store.start_over()


if hasattr(os, "register_at_fork"):  # absent on Windows, where nothing forks
    os.register_at_fork(after_in_child=_start_over_in_child)
