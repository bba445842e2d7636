"""Submissions that are part of a transaction of the user's own: stores that take them, and the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_scoped_session
    from sqlalchemy.orm import Session, scoped_session

    from asyncendpoints._core import Enqueued
    from asyncendpoints.job import Job, NewJob

    DatabaseUrl: TypeAlias = str | Engine | AsyncEngine
    DatabaseSession: TypeAlias = (
        AsyncSession | Session | AsyncConnection | Connection | async_scoped_session[AsyncSession] | scoped_session[Any]
    )


@runtime_checkable
class Transactional(Protocol):
    """Something that stores jobs in a transaction of the user's."""

    async def enqueue_in(
        self,
        session: DatabaseSession,
        jobs: Sequence[NewJob],
        *,
        max_queued: int | None = None,
        now: int | None = None,
    ) -> list[Enqueued]:
        """Write jobs in the transaction of this session: they are stored if it is committed, and only then (SUB-4).

        Raises:
            ConfigurationError: The session cannot carry a job; the message says why.
            StoreUnavailable: The database did not do it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission in the outbox which whoever took it is to move to the store."""

    job_id: str
    turn: int
    """How often it has been taken, this time included: what is concluded under an earlier turn changes nothing."""
    job: NewJob | None
    """What is to be stored; None where the record cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What became of an entry."""

    entry: Entry
    word: Literal["moved", "replayed", "refused", "put_off"]
    """`moved`: it is in the store. `replayed`: its key had been seen, with `same_as`. `refused`: it never will be.
    `put_off`: not now.
    """
    same_as: str | None = None
    """The earlier job of the same key."""
    problem: bytes | None = None
    """Why it was refused: a problem object."""
    delay_ms: int = 0
    """After which time a put off entry is taken again."""


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """Numbers about an outbox."""

    waiting: int
    """How many submissions wait to be moved to the store."""
    oldest_for: float | None
    """For how many seconds the oldest of them has waited, by the database's clock; None where none waits."""
    refused: int
    """How many the store has refused, which are kept to be looked at."""


class Outbox(Transactional, Protocol):
    """Submissions that are committed in the user's database and are still to be moved to the store of the jobs."""

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        ...

    async def open(self) -> None:
        """Connect, and set up an empty database."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...

    async def take(
        self, *, limit: int, lease_ms: int, job_id: str | None = None, now: int | None = None
    ) -> list[Entry]:
        """Take entries whose time has come, the first written first; for so long nobody else is given them.

        Args:
            limit: How many at most.
            lease_ms: For how long.
            job_id: Take this one alone, also where it was put off, or somebody else has it.
            now: The time, where a virtual clock rules.
        """
        ...

    async def conclude(self, conclusions: Sequence[Conclusion], *, now: int | None = None) -> None:
        """Say what became of entries."""
        ...

    async def find(self, job_id: str, *, now: int | None = None) -> Job | str | None:
        """Return the job that an entry is, or the id of the one that it repeats, or None where there is no entry."""
        ...

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete what is kept no longer of entries that were replayed or refused."""
        ...

    async def stats(self) -> OutboxStats:
        """Return how many entries there are."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Tell of new entries, from any thread; return how to stop."""
        ...
