"""The outbox: submissions that are committed with the user's data, in his database, for a store elsewhere."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import TYPE_CHECKING

from asyncendpoints import _core
from asyncendpoints.stores.sql import posting, schema
from asyncendpoints.stores.sql.addresses import found_at
from asyncendpoints.stores.sql.callers import Callers, identity
from asyncendpoints.stores.sql.commits import Commits
from asyncendpoints.stores.sql.lines import Line
from asyncendpoints.stores.sql.listening import Listening
from asyncendpoints.stores.sql.outbox_statements import OutboxStatements
from asyncendpoints.stores.sql.transaction import Ground
from asyncendpoints.stores.sql.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Enqueued
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.outbox import Conclusion, DatabaseSession, DatabaseUrl, Entry, Outbox, OutboxStats
    from asyncendpoints.stores.sql.dialect import Notice
    from asyncendpoints.stores.sql.transaction import News, Transaction

_outboxes: weakref.WeakSet[SqlOutbox] = weakref.WeakSet()
_abandoned: list[object] = []
"""What a forked child has inherited, and must not close."""


class SqlOutbox(Upkeep):
    """An outbox in a SQL database.

    Its methods are those of `Outbox`, which documents them.

    Args:
        address: A URL, or an engine of SQLAlchemy's, as for `SqlStore`.
        namespace: Separates applications, where the URL names no namespace.
        prefix: How the names of the tables begin, where the URL does not say so.
        schema: The schema that the tables are in, where the database has schemas and the URL names none.

    Raises:
        ConfigurationError: The address cannot work.
    """

    def __init__(
        self,
        address: DatabaseUrl,
        *,
        namespace: str = "default",
        prefix: str | None = None,
        schema: str | None = None,
    ) -> None:
        place = found_at(address, namespace=namespace, prefix=prefix, schema=schema)
        self._dialect = place.dialect
        self._ground = Ground(place.dialect, place.tables, place.namespace)
        self._statements = OutboxStatements(place.tables, place.dialect)
        self._closed = False
        self._users = 0
        self._connect()
        _outboxes.add(self)

    def _connect(self) -> None:
        self._wakes: tuple[Callable[[], None], ...] = ()
        self._writes = self._line("asyncendpoints-outbox", writes=True)
        self._reads = self._line("asyncendpoints-outbox-reads", writes=False)
        self._callers = Callers(self._ground, lambda: self.metadata, lambda: self._reads.call(identity))
        self._commits = Commits(self._look)
        self._listening = Listening(self._dialect, self._ground.namespace, self._hear)

    def _line(self, name: str, *, writes: bool) -> Line:
        return Line(name, self._dialect.engine(writes=writes), self._ground, self._tell, writes=writes)

    def start_over(self) -> None:
        """Let go of what belongs to the parent process: a forked child's first act."""
        _abandoned.append((self._writes, self._reads, self._listening))
        self._users = 0
        self._connect()

    def __repr__(self) -> str:
        return f"SqlOutbox({self.address}, namespace {self._ground.namespace!r})"

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._dialect.address

    async def open(self) -> None:
        """Connect, and set up an empty database. Each `open` wants a `close`."""
        if self._closed:
            self._closed = False
            self._connect()
        await self._writes.call(schema.set_up)
        self._users += 1

    async def close(self) -> None:
        """Where nobody else has it open, end threads and connections and refuse every further call."""
        self._users = max(self._users - 1, 0)
        if self._users or self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._listening.stop)
        for line in (self._writes, self._reads):
            await line.close()

    async def enqueue_in(
        self,
        session: DatabaseSession,
        jobs: Sequence[NewJob],
        *,
        max_queued: int | None = None,
        now: int | None = None,
    ) -> list[Enqueued]:
        """Write submissions in the transaction of a session."""
        loop = asyncio.get_running_loop()

        def write(tx: Transaction) -> list[Enqueued]:
            answers = posting.write(tx, self._statements, jobs, max_queued=max_queued, now=now)
            if tx.news.changed:
                self._commits.expect(tx.connection, loop, tx.news)
            return answers

        return await self._callers.do(session, write)

    async def take(
        self, *, limit: int, lease_ms: int, job_id: str | None = None, now: int | None = None
    ) -> list[Entry]:
        """Take entries whose time has come, or one."""
        if job_id is None and not await self._reads.call(lambda tx: posting.is_any_due(tx, self._statements, now=now)):
            # Nobody takes his turn to write for nothing.
            return []
        return await self._writes.call(
            lambda tx: posting.take(tx, self._statements, limit=limit, lease_ms=lease_ms, job_id=job_id, now=now)
        )

    async def conclude(self, conclusions: Sequence[Conclusion], *, now: int | None = None) -> None:
        """Say what became of entries."""
        if conclusions:
            await self._writes.call(lambda tx: posting.conclude(tx, self._statements, conclusions, now=now))

    async def find(self, job_id: str, *, now: int | None = None) -> Job | str | None:
        """Return the job that an entry is, or the id of the one that it repeats, or None."""
        if not _core.is_job_id(job_id):
            return None
        return await self._reads.call(lambda tx: posting.find(tx, self._statements, job_id, now=now))

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete what is kept no longer."""
        return await self._writes.call(lambda tx: posting.prune(tx, self._statements, limit=limit, now=now))

    async def stats(self) -> OutboxStats:
        """Return how many entries there are."""
        return await self._reads.call(lambda tx: posting.stats(tx, self._statements))

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Tell of new entries."""
        self._wakes = (*self._wakes, wake)
        self._listening.start()

        def leave() -> None:
            self._wakes = tuple(other for other in self._wakes if other is not wake)

        return leave

    async def _look(self, news: News) -> bool:
        return await self._reads.call(lambda tx: posting.adopt(tx, self._statements, news))

    def _hear(self, notice: Notice) -> None:
        if notice.queues:
            self._wake()

    def _tell(self, news: News) -> None:
        if news.queues:
            self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()


def open_outbox(outbox: DatabaseUrl | Outbox, *, namespace: str) -> Outbox:
    """Return the outbox that is given, or that an address leads to.

    Raises:
        ConfigurationError: The address cannot work.
    """
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    if isinstance(outbox, str | Engine | AsyncEngine):
        return SqlOutbox(outbox, namespace=namespace)
    return outbox


def _start_over_in_child() -> None:
    for outbox in tuple(_outboxes):
        outbox.start_over()


if hasattr(os, "register_at_fork"):  # absent on Windows, where nothing forks
    os.register_at_fork(after_in_child=_start_over_in_child)
