"""The store that keeps jobs in a SQL database, seen by every process that names the same one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asyncendpoints import _core
from asyncendpoints.stores.sql import claiming, controls, once, reading, reporting, settling, submitting, sweeping
from asyncendpoints.stores.sql.examination import SqlExamination

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Cancellation, Claims, Enqueued, Expired, Page, Reservation, Settlement
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.base import JobFilter, Listener, Report, Reports, StoreStats
    from asyncendpoints.stores.outbox import DatabaseSession
    from asyncendpoints.stores.sql.transaction import Transaction


class SqlStore(SqlExamination):
    """Jobs in a SQL database.

    Its methods are those of `Store`, which documents them. They may be called on any event loop; after `close` they
    raise `StoreUnavailable` until `open`.

    Args:
        address: A URL such as `sqlite:///file.db`, with the parameters `namespace`, `prefix`, `timeout` (seconds to
            wait for other processes that write, 5 by default) and `synchronous` (`normal`, or `full` for jobs that
            survive a crash of the machine); or an engine of SQLAlchemy's, whose way to make connections is used for
            connections of the store's own.
        namespace: Separates applications, where the URL names no namespace.
        prefix: How the names of the tables begin, where the URL does not say so.
        schema: The schema that the tables are in, where the database has schemas and the URL names none.

    Raises:
        ConfigurationError: The URL cannot work.
    """

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs, each with its key."""
        return await self._writes.join(
            ("enqueue", max_queued, now),
            jobs,
            lambda tx, new: submitting.enqueue(tx, new, max_queued=max_queued, now=now),
            lambda tx, new: submitting.enqueue_alone(tx, new, max_queued=max_queued, now=now),
        )

    async def enqueue_in(
        self,
        session: DatabaseSession,
        jobs: Sequence[NewJob],
        *,
        max_queued: int | None = None,
        now: int | None = None,
    ) -> list[Enqueued]:
        """Store jobs in the transaction of a session: once it is committed, and only then (SUB-4)."""
        loop = asyncio.get_running_loop()

        def write(tx: Transaction) -> list[Enqueued]:
            answers = submitting.enqueue(tx, jobs, max_queued=max_queued, now=now)
            if tx.news.changed:
                self._commits.expect(tx.connection, loop, tx.news)
            return answers

        return await self._callers.do(session, write)

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
        try:
            return await self._claims.call(
                lambda tx: claiming.claim(
                    tx, worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=lease_ms, now=now
                ),
                lambda tx: claiming.claim_alone(
                    tx, worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=lease_ms, now=now
                ),
            )
        except asyncio.CancelledError:
            # What it begins would be nobody's. The order of calls is kept, so this comes after it.
            self._claims.leave(lambda tx: settling.release_claim(tx, claim_id, now=now))
            raise

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began."""
        return await self._claims.call(lambda tx: settling.release_claim(tx, claim_id, now=now))

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases."""
        return await self._writes.join(
            ("renew", lease_ms, now), leases, lambda tx, held: settling.renew(tx, held, lease_ms=lease_ms, now=now)
        )

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs."""
        return await self._writes.join(
            ("settle", now),
            settlements,
            lambda tx, ended: settling.settle(tx, ended, now=now),
            lambda tx, ended: settling.settle_alone(tx, ended, now=now),
        )

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Promote what is due, renew what this process works on, then return runs whose lease has passed."""
        self._told = now
        present = self._present()
        keepers = tuple(self._keepers)
        kept = [(list(keeper.renewable(present)), keeper.lease_ms) for keeper in keepers]
        renewed, found = await self._writes.call(lambda tx: sweeping.expired(tx, kept, limit=limit, now=now))
        for keeper, (leases, _), answers in zip(keepers, kept, renewed, strict=True):
            keeper.drop(lease for lease, answer in zip(leases, answers, strict=True) if answer == "stale")
        return found

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Apply the table's row for a cancel to the job's present state."""
        if not _core.is_job_id(job_id):
            return _core.Cancellation("missing", None)
        return await self._writes.call(lambda tx: controls.cancel(tx, job_id, now=now))

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued."""
        if not _core.is_job_id(job_id):
            return None
        return await self._writes.call(lambda tx: controls.run_now(tx, job_id, now=now))

    async def get(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        return await self.wait(job_id, version=0, timeout=0)

    async def wait(
        self,
        job_id: str,
        *,
        version: int,
        timeout: float,  # noqa: ASYNC109 (a long poll)
    ) -> Job | None:
        """Return the job once its version is above `version` or it is done, or after `timeout` seconds."""
        if not _core.is_job_id(job_id):
            return None
        return await self._watching.wait(job_id, version=version, timeout=timeout)

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return some jobs, newest first."""
        return await self._looks.call(lambda tx: reading.listing(tx, where, cursor=cursor, limit=limit))

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Return counts and ages for every queue."""
        # What takes long leaves others their turn in between.
        while (found := await self._looks.call(lambda tx: self._counting.stats(tx, now=now))) is None:
            pass
        return found

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Keep what a process tells of itself, let go of what is too old, and return the database's time."""
        return await self._writes.call(lambda tx: reporting.report(tx, report, now=now))

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Return the signs of life, and the history from slot `since` on."""
        return await self._looks.call(lambda tx: reporting.reports(tx, since=since, now=now))

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop payloads and results past their retention where the key keeps the record."""
        return await self._writes.call(lambda tx: sweeping.strip(tx, limit=limit, now=now))

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete records that nothing keeps any more."""
        return await self._writes.call(lambda tx: sweeping.prune(tx, limit=limit, now=now))

    async def delete(self, job_id: str) -> bool:
        """Delete a job that has ended."""
        return await self._writes.call(lambda tx: controls.delete(tx, job_id))

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress."""
        return await self._writes.call(lambda tx: settling.progress(tx, job_id, fence, body, now=now))

    async def reserve(
        self,
        job_id: str,
        fence: int,
        key: str,
        nonce: str,
        *,
        takeover: bool = False,
        now: int | None = None,
    ) -> Reservation:
        """Reserve an effect of `once`."""
        return await self._writes.call(lambda tx: once.reserve(tx, job_id, fence, key, nonce, takeover=takeover))

    async def record(
        self,
        job_id: str,
        fence: int,
        key: str,
        nonce: str,
        value: bytes | None,
        *,
        now: int | None = None,
    ) -> bool:
        """Record a reserved effect's value, or give the reservation back."""
        return await self._writes.call(lambda tx: once.record(tx, job_id, fence, key, nonce, value=value))

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims from a queue."""
        await self._writes.call(lambda tx: controls.pause(tx, queue, paused))

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Tell the listener of work in these queues and of cancels of this worker's runs."""
        self._listening.start()
        return self._listeners.add(worker, queues, listener)
