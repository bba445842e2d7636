"""The transactions of a user: every kind of session and connection of SQLAlchemy's, used in one way."""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KINDS = ("AsyncSession", "AsyncConnection", "Session", "Connection")
TABLE = "orders"


class Caller:
    """A session or connection, whether its methods are to be awaited or not.

    Args:
        session: What is given to `submit`.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    async def _done(self, what: Any) -> Any:
        return await what if inspect.isawaitable(what) else what

    async def write(self, number: int) -> None:
        """Add a row to the user's table."""
        await self.run(f"INSERT INTO {TABLE} VALUES ({number})")

    async def run(self, sql: str) -> Any:
        """Execute a statement."""
        return await self._done(self.session.execute(text(sql)))

    async def numbers(self) -> list[int]:
        """Return what is in the user's table, as this transaction sees it."""
        return sorted((await self.run(f"SELECT x FROM {TABLE}")).scalars())

    async def commit(self) -> None:
        """Commit."""
        await self._done(self.session.commit())

    async def rollback(self) -> None:
        """Roll back."""
        await self._done(self.session.rollback())

    async def savepoint(self) -> Any:
        """Begin a nested transaction, and return how to roll it back."""
        nested = await self._done(self.session.begin_nested())

        async def roll_back() -> None:
            await self._done(nested.rollback())

        return roll_back


@asynccontextmanager
async def caller(kind: str, *, blocking: str, asynchronous: str, **options: Any) -> AsyncIterator[Caller]:
    """Open a session or connection of this kind.

    Args:
        kind: One of `KINDS`.
        blocking: SQLAlchemy's URL of the database, with a driver that blocks.
        asynchronous: The same with an asynchronous driver.
        **options: For the engine.
    """
    if kind.startswith("Async"):
        engine = create_async_engine(asynchronous, **options)
        try:
            async with AsyncSession(engine) if kind == "AsyncSession" else engine.connect() as session:
                yield Caller(session)
        finally:
            await engine.dispose()
    else:
        plain = create_engine(blocking, **options)
        try:
            with Session(plain) if kind == "Session" else plain.connect() as session:
                yield Caller(session)
        finally:
            plain.dispose()
