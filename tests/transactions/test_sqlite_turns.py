"""SQLite has one writer at a time: who waits for whom, and what is said where nobody can go on."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from asyncendpoints import AsyncEndpoints, StoreUnavailable
from tests.support.callers import KINDS, caller
from tests.support.running import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.transactions.conftest import Database


@pytest.fixture
async def jobs(sqlite: Database) -> AsyncIterator[AsyncEndpoints]:
    """Run an application whose own writes wait for a short time."""
    jobs = AsyncEndpoints(f"{sqlite.url}?timeout=0.1", worker=False)
    jobs.handler("work")(lambda: None)
    async with jobs:
        yield jobs


@pytest.mark.parametrize("kind", KINDS)
async def test_reads_go_on_inside_of_an_open_transaction_and_writes_say_what_to_do(
    jobs: AsyncEndpoints, sqlite: Database, kind: str
) -> None:
    """The same task may read; what would wait for its own commit fails after the store's timeout, in a sentence."""
    earlier = (await jobs.submit("work")).job.job_id
    async with caller(kind, **sqlite.urls) as user:
        await user.write(1)
        submitted = await jobs.submit("work", session=user.session)
        assert (await jobs.get(earlier)).state == "queued"
        assert (await jobs.engine.store.stats()).counts["default"]["queued"] == 1
        with pytest.raises(StoreUnavailable, match="a transaction that is still open in this one: commit it first"):
            await jobs.cancel(earlier)
        await user.commit()
        assert (await jobs.cancel(earlier)).word == "canceled"
        assert (await jobs.get(submitted.job.job_id)).state == "queued"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_that_waits_too_long_for_its_turn_says_so(
    jobs: AsyncEndpoints, sqlite: Database, tmp_path: Path, kind: str
) -> None:
    """The database is locked by somebody else: the job is not submitted, and the session works afterwards."""
    with contextlib.closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as other:
        async with caller(kind, **sqlite.urls, connect_args={"timeout": 0.05}) as user:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="another process has been writing"):
                await jobs.submit("work", session=user.session)
            other.execute("ROLLBACK")
            submitted = await jobs.submit("work", session=user.session)
            await user.commit()
    assert (await jobs.get(submitted.job.job_id)).state == "queued"


async def test_a_transaction_that_has_read_too_early_is_told_to_begin_again(
    jobs: AsyncEndpoints, sqlite: Database
) -> None:
    """What it has read has been changed since, so that SQLite does not let it write any more."""
    engine = create_engine(sqlite.blocking)

    # SQLAlchemy's own recipe for transactions that begin when they say so.
    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with Session(engine) as session:
        session.connection().exec_driver_sql("SELECT * FROM orders").all()
        await jobs.submit("work")
        with pytest.raises(StoreUnavailable, match="roll back, and begin again with a write or a submission"):
            await jobs.submit("work", session=session)
        session.rollback()
        submitted = await jobs.submit("work", session=session)
        session.connection().exec_driver_sql("SELECT * FROM orders").all()
        session.commit()
    engine.dispose()
    assert (await jobs.get(submitted.job.job_id)).state == "queued"


async def test_what_is_read_before_the_first_write_belongs_to_the_transaction(
    jobs: AsyncEndpoints, sqlite: Database, tmp_path: Path
) -> None:
    """IDM-3: A submission that begins the transaction takes its turn at once, so that no key slips in behind it."""
    async with caller("AsyncSession", **sqlite.urls) as user:
        await jobs.submit("work", idempotency_key="one", session=user.session)
        with (
            contextlib.closing(sqlite3.connect(tmp_path / "app.db", timeout=0.05, isolation_level=None)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
        await user.commit()


async def test_the_store_goes_on_after_a_long_transaction(sqlite: Database) -> None:
    """A worker that could not claim meanwhile claims when the transaction has ended."""
    jobs = AsyncEndpoints(f"{sqlite.url}?timeout=0.05")
    jobs.handler("work")(lambda: "done")
    async with jobs, caller("AsyncSession", **sqlite.urls) as user:
        submitted = await jobs.submit("work", session=user.session)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await jobs.submit("work")
        await user.commit()
        assert (await jobs.wait(submitted.job.job_id, PATIENCE)).state == "completed"
