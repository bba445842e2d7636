"""The life of a SQL store: its threads and connections, its opening and its close, and who is told."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import TYPE_CHECKING

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.base import StoreTraits
from asyncendpoints.stores.lease_table import LeaseTable, moment_of
from asyncendpoints.stores.sql import reading, schema
from asyncendpoints.stores.sql.addresses import found_at
from asyncendpoints.stores.sql.callers import Callers, identity
from asyncendpoints.stores.sql.commits import Commits
from asyncendpoints.stores.sql.counting import Counting
from asyncendpoints.stores.sql.lines import Line
from asyncendpoints.stores.sql.listening import Listening
from asyncendpoints.stores.sql.renewing import Renewing
from asyncendpoints.stores.sql.transaction import Ground
from asyncendpoints.stores.sql.upkeep import Upkeep
from asyncendpoints.stores.sql.watching import Watching
from asyncendpoints.stores.wakes import Listeners

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from asyncendpoints.stores.lease_table import Moment
    from asyncendpoints.stores.sql.dialect import Notice
    from asyncendpoints.stores.sql.transaction import News

_stores: weakref.WeakSet[SqlLife] = weakref.WeakSet()
_abandoned: list[object] = []
"""What a forked child has inherited: closing it here could disturb the parent's files, so it is kept and never used."""


class SqlLife(Upkeep):
    """What the SQL store is made of, without its operations.

    Args:
        address: See `SqlStore`.
        namespace: See `SqlStore`.
        prefix: See `SqlStore`.
        schema: See `SqlStore`.
    """

    def __init__(
        self,
        address: str | Engine | AsyncEngine,
        *,
        namespace: str = "default",
        prefix: str | None = None,
        schema: str | None = None,
    ) -> None:
        place = found_at(address, namespace=namespace, prefix=prefix, schema=schema)
        self._dialect = place.dialect
        self.namespace = place.namespace
        self._tables = place.tables
        self._ground = Ground(place.dialect, place.tables, place.namespace)
        self._counting = Counting(place.tables, place.dialect)
        self._traits = StoreTraits(
            name=self._dialect.name,
            address=self._dialect.address,
            durability=self._dialect.durability,
            shared=True,
            lossless_wakeups=False,
            renews_under_held_gil=False,
        )
        self._closed = False
        self._users = 0
        self._start_over()
        _stores.add(self)

    def _start_over(self) -> None:
        self._told: int | None = None
        self._listeners = Listeners()
        self._keepers: dict[LeaseTable, str] = {}
        self._callers = Callers(self._ground, lambda: self.metadata, lambda: self._reads.call(identity))
        self._commits = Commits(self._look)
        self._connect()

    def _connect(self) -> None:
        dialect, ground = self._dialect, self._ground
        self._writes = self._line("asyncendpoints-writes", writes=True)
        # Where two transactions may write, jobs are taken while others are settled, and neither waits for the other.
        self._claims = self._line("asyncendpoints-claims", writes=True) if dialect.locks else self._writes
        self._reads = self._line("asyncendpoints-reads", writes=False)
        # What looks at many jobs does not keep those waiting who ask for one.
        self._looks = self._line("asyncendpoints-lists", writes=False)
        self._watching = Watching(self._reads)
        self._renewing = Renewing(
            dialect.engine(writes=True),
            ground,
            self._keepers,
            is_virtual=lambda: self._told is not None,
            on_cancels=self._listeners.cancel,
        )
        self._listening = Listening(dialect, self.namespace, self._hear)

    def _line(self, name: str, *, writes: bool) -> Line:
        return Line(name, self._dialect.engine(writes=writes), self._ground, self._tell, writes=writes)

    def _lines(self) -> tuple[Line, ...]:
        return self._writes, self._claims, self._reads, self._looks

    def start_over(self) -> None:
        """Let go of what belongs to the parent process: a forked child's first act."""
        _abandoned.append((self._lines(), self._renewing, self._watching, self._listening))
        self._users = 0
        self._start_over()

    def __repr__(self) -> str:
        return f"SqlStore({self._traits.name}, {self._traits.address}, namespace {self.namespace!r})"

    @property
    def traits(self) -> StoreTraits:
        """What this store promises."""
        return self._traits

    async def open(self) -> None:
        """Connect, and set up an empty database. Each `open` wants a `close`.

        Raises:
            StoreUnavailable: The database cannot be used.
            ConfigurationError: Its tables belong to another version of this library.
        """
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
        for keeper in tuple(self._keepers):
            await keeper.close()
        self._watching.close()
        await asyncio.to_thread(self._listening.stop)
        await asyncio.to_thread(self._renewing.stop)
        for line in self._lines():
            await line.close()

    async def ping(self) -> None:
        """Return if the database answers and its schema is current."""
        await self._reads.call(schema.check)

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseTable:
        """Make the lease keeper of a worker."""
        if self._closed:
            raise StoreUnavailable("the store is closed; open it again to go on")
        keeper = LeaseTable(lease_ms=lease_ms, max_stall_ms=max_stall_ms, present=self._present, on_close=self._forget)
        self._keepers[keeper] = worker
        self._renewing.start()
        return keeper

    def _forget(self, keeper: LeaseTable) -> None:
        self._keepers.pop(keeper, None)

    def _present(self) -> Moment:
        return moment_of(self._told)

    async def _look(self, news: News) -> bool:
        return await self._reads.call(lambda tx: reading.adopt(tx, news))

    def _hear(self, notice: Notice) -> None:
        self._listeners.wake(notice.queues)
        self._listeners.cancel(notice.cancels)

    def _tell(self, news: News) -> None:
        if news.queues:
            self._listeners.wake(list(news.queues))
        if news.changed:
            self._watching.waiters.wake(news.changed)
        if news.cancels:
            self._listeners.cancel(news.cancels)


def _start_over_in_child() -> None:
    for store in tuple(_stores):
        store.start_over()


if hasattr(os, "register_at_fork"):  # absent on Windows, where nothing forks
    os.register_at_fork(after_in_child=_start_over_in_child)
