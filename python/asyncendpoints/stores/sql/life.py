"""The life of a SQL store: its threads and connections, its opening and its close, and who is told."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.base import StoreTraits
from asyncendpoints.stores.lease_table import LeaseTable, moment_of
from asyncendpoints.stores.sql import schema
from asyncendpoints.stores.sql.dialects import Sqlite
from asyncendpoints.stores.sql.lines import Line
from asyncendpoints.stores.sql.renewing import Renewing
from asyncendpoints.stores.sql.transaction import Ground
from asyncendpoints.stores.sql.url import parse_sqlite_url
from asyncendpoints.stores.sql.watching import Watching
from asyncendpoints.stores.wakes import Listeners

if TYPE_CHECKING:
    from asyncendpoints.stores.lease_table import Moment
    from asyncendpoints.stores.sql.transaction import News

_DURABILITY: Final = {
    "NORMAL": "Jobs are in a file and survive every end of the process; a crash of the machine may lose the last ones.",
    "FULL": "Jobs are written through to the disk before they are accepted.",
}

_stores: weakref.WeakSet[SqlLife] = weakref.WeakSet()
_abandoned: list[object] = []
"""What a forked child has inherited: closing it here could disturb the parent's files, so it is kept and never used."""


class SqlLife:
    """What the SQL store is made of, without its operations.

    Args:
        url: See `SqlStore`.
        namespace: See `SqlStore`.
    """

    def __init__(self, url: str, *, namespace: str = "default") -> None:
        address = parse_sqlite_url(url)
        self._dialect = Sqlite(address)
        self.namespace = address.namespace or namespace
        self._ground = Ground(self._dialect, self.namespace)
        self._traits = StoreTraits(
            name=self._dialect.name,
            address=str(address),
            durability=_DURABILITY[address.synchronous],
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
        self._connect()

    def _connect(self) -> None:
        dialect, ground = self._dialect, self._ground
        self._writes = Line("asyncendpoints-writes", dialect.engine(writes=True), ground, self._tell)
        self._reads = Line("asyncendpoints-reads", dialect.engine(writes=False), ground, self._tell)
        # What looks at many jobs does not keep those waiting who ask for one.
        self._looks = Line("asyncendpoints-lists", dialect.engine(writes=False), ground, self._tell)
        self._watching = Watching(self._reads)
        self._renewing = Renewing(
            dialect.engine(writes=True),
            ground,
            self._keepers,
            is_virtual=lambda: self._told is not None,
            on_cancels=self._listeners.cancel,
        )

    def start_over(self) -> None:
        """Let go of what belongs to the parent process: a forked child's first act."""
        _abandoned.append((self._writes, self._reads, self._looks, self._renewing, self._watching))
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
        await self._writes.call(lambda tx: schema.set_up(tx.connection))
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
        await asyncio.to_thread(self._renewing.stop)
        for line in (self._writes, self._reads, self._looks):
            await line.close()

    async def ping(self) -> None:
        """Return if the database answers and its schema is current."""
        await self._reads.call(lambda tx: schema.check(tx.connection))

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
