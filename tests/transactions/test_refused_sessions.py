"""A session that cannot carry a job is refused in a sentence, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from asyncendpoints import AsyncEndpoints, ConfigurationError
from asyncendpoints.stores.base import JobFilter
from tests.support.callers import KINDS, caller
from tests.support.running import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.transactions.conftest import Database


@pytest.fixture
async def jobs(database: Database) -> AsyncIterator[AsyncEndpoints]:
    """Run an application with a handler, which nobody has submitted a job to in the end."""
    jobs = AsyncEndpoints(database.url, worker=False)
    jobs.handler("work")(lambda: None)
    async with jobs:
        yield jobs
        assert (await jobs.engine.store.list(JobFilter())).jobs == []


@pytest.mark.parametrize("kind", KINDS)
async def test_another_database_is_refused(jobs: AsyncEndpoints, tmp_path: Path, kind: str) -> None:
    """A file that is not the store's, whatever tables it has, or no file at all."""
    for path in (tmp_path / "other.db", ":memory:"):
        urls = {"blocking": f"sqlite:///{path}", "asynchronous": f"sqlite+aiosqlite:///{path}"}
        async with caller(kind, **urls) as user:
            with pytest.raises(ConfigurationError, match="the session leads to another database than"):
                await jobs.submit("work", session=user.session)


async def test_one_database_has_many_names(sqlite: Database, tmp_path: Path) -> None:
    """The same file under another path is the same database."""
    jobs = AsyncEndpoints(sqlite.url)
    jobs.handler("work")(lambda: "done")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "app.db")
    async with jobs, caller("Session", blocking=f"sqlite:///{link}", asynchronous="") as user:
        submitted = await jobs.submit("work", session=user.session)
        await user.commit()
        assert (await jobs.wait(submitted.job.job_id, PATIENCE)).state == "completed"


@pytest.mark.parametrize("kind", KINDS)
async def test_autocommit_is_refused(jobs: AsyncEndpoints, database: Database, kind: str) -> None:
    """Where each statement is committed by itself, no job could be part of a transaction."""
    async with caller(kind, **database.urls, isolation_level="AUTOCOMMIT") as user:
        with pytest.raises(ConfigurationError, match="autocommit"):
            await jobs.submit("work", session=user.session)


async def test_two_phase_transactions_are_refused(jobs: AsyncEndpoints, database: Database) -> None:
    """The message says what to leave out."""
    engine = create_engine(database.blocking)
    with Session(engine, twophase=True) as session, pytest.raises(ConfigurationError, match="two-phase"):
        await jobs.submit("work", session=session)
    engine.dispose()


async def test_closed_connections_are_refused(jobs: AsyncEndpoints, database: Database) -> None:
    """A connection that was given back, or that was never opened, says so."""
    plain, engine = create_engine(database.blocking), create_async_engine(database.asynchronous)
    with plain.connect() as closed:
        pass
    session = Session(plain, close_resets_only=False)
    session.close()
    for dead in (closed, session, engine.connect()):
        with pytest.raises(ConfigurationError, match=r"closed|not been started"):
            await jobs.submit("work", session=dead)
    plain.dispose()
    await engine.dispose()


async def test_a_session_without_a_database_is_refused(jobs: AsyncEndpoints) -> None:
    """A session that nobody has bound says what SQLAlchemy says."""
    with Session() as session, pytest.raises(ConfigurationError, match="cannot carry a job"):
        await jobs.submit("work", session=session)


async def test_what_is_no_session_is_refused(jobs: AsyncEndpoints) -> None:
    """The message names what can be given."""
    with pytest.raises(ConfigurationError, match=r"AsyncSession, Session, AsyncConnection or Connection, not object"):
        await jobs.submit("work", session=cast("Any", object()))


async def test_a_store_that_is_no_database_refuses_sessions(sqlite: Database) -> None:
    """The message names the outbox."""
    jobs = AsyncEndpoints("memory://", worker=False)
    jobs.handler("work")(lambda: None)
    async with jobs, caller("Session", **sqlite.urls) as user:
        with pytest.raises(ConfigurationError, match="the memory store is none: name the database"):
            await jobs.submit("work", session=user.session)
        with pytest.raises(ConfigurationError, match="outbox"):
            await jobs.submit_many("work", [None, None], session=user.session)


async def test_scoped_sessions_are_sessions(sqlite: Database) -> None:
    """What hands out a session to each thread or task is asked for it."""
    jobs = AsyncEndpoints(sqlite.url)
    jobs.handler("work")(lambda: "done")
    engine = create_engine(sqlite.blocking)
    scoped = scoped_session(sessionmaker(engine))
    async with jobs:
        submitted = await jobs.submit("work", session=scoped)
        scoped.commit()
        assert (await jobs.wait(submitted.job.job_id, PATIENCE)).state == "completed"
    scoped.remove()
    engine.dispose()


async def test_a_session_of_several_databases_uses_the_one_of_the_tables(sqlite: Database, tmp_path: Path) -> None:
    """A session whose binds name the store's tables finds their database, whatever else it works with."""
    jobs = AsyncEndpoints(sqlite.url)
    jobs.handler("work")(lambda: "done")
    ours, other = create_async_engine(sqlite.asynchronous), create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/o.db")
    make = async_sessionmaker(other, class_=AsyncSession)
    async with jobs:
        tables = jobs.metadata.tables.values()
        async with make(binds=dict.fromkeys(tables, ours)) as session:
            submitted = await jobs.submit("work", session=session)
            await session.commit()
        assert (await jobs.wait(submitted.job.job_id, PATIENCE)).state == "completed"
    await ours.dispose()
    await other.dispose()
