"""A read of the numbers takes a short time, however many jobs there are."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import sqlite

from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.sql import counting
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from asyncendpoints.job import JobState
    from asyncendpoints.stores.sql.transaction import Transaction


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    """Return an open store."""
    store = SqlStore(f"sqlite:///{tmp_path}/jobs.db")
    await store.open()
    yield store
    await store.close()


async def _complete(store: SqlStore, number: int) -> None:
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h") for _ in range(number)])
    taken = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=number, lease_ms=60_000)
    await store.settle([Settlement.of(claim, "returned", nonce=1) for claim in taken.claims])


async def _stats(store: SqlStore, queue: str = "default") -> dict[JobState, int]:
    return (await store.stats()).counts[queue]


async def test_what_is_counted_in_one_go_is_counted_as_it_is(store: SqlStore) -> None:
    """What has just ended, or just come, is in the numbers."""
    for number in (1, 2, 3):
        await _complete(store, 1)
        await store.enqueue([NewJob(job_id=new_job_id(), handler="h", queue="other")])
        assert (await _stats(store))["completed"] == number
        assert (await _stats(store, "other"))["queued"] == number


async def test_a_multitude_is_counted_on_from_read_to_read(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read counts a part; a number is of the last time that all were gone through, and the first is waited for."""
    monkeypatch.setattr(counting, "AT_ONCE", 3)
    monkeypatch.setattr(counting, "A_WHILE", 0.0)
    await _complete(store, 5)
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h", priority=number) for number in range(7)])
    found = await _stats(store)
    assert (found["completed"], found["queued"]) == (5, 7)
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    await _complete(store, 1)
    reads = [await _stats(store) for _ in range(40)]
    assert {(read["completed"], read["queued"]) for read in reads[-10:]} == {(6, 8)}


async def test_many_queues_are_counted_each(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part or not, every queue has its own numbers, of scheduled jobs, too, and its own oldest job."""
    jobs = [
        NewJob(job_id=new_job_id(), handler="h", queue=f"q{number % 5}", delay_ms=60_000 * (number % 2))
        for number in range(40)
    ]
    await store.enqueue(jobs, now=1_000)
    whole = await store.stats(now=2_000)
    assert whole.counts["q3"]["scheduled"] == 4
    assert whole.oldest_ready_at == dict.fromkeys([f"q{number}" for number in range(5)], 1_000)
    monkeypatch.setattr(counting, "AT_ONCE", 3)
    monkeypatch.setattr(counting, "A_WHILE", 0.0)
    for _ in range(60):
        assert await store.stats(now=2_000) == whole


async def test_a_failure_in_the_middle_begins_anew(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a database refuses once is asked again, and counted once."""
    monkeypatch.setattr(counting, "AT_ONCE", 2)
    monkeypatch.setattr(counting, "A_WHILE", 0.0)
    await _complete(store, 9)
    assert await store._looks.call(lambda tx: store._counting.stats(tx, now=None)) is None

    def fail(tx: Transaction) -> None:
        with contextlib.closing(sqlite3.connect(":memory:")) as other:
            monkeypatch.setattr(tx, "_connection", other)
            store._counting.stats(tx, now=1)

    with pytest.raises(Exception, match="execute"):
        await store._looks.call(fail)
    assert (await _stats(store))["completed"] == 9


async def test_no_read_goes_through_a_table(store: SqlStore, tmp_path: Path) -> None:
    """SQLite finds what it counts in an index, by all that the question says, and looks into no row."""
    statements = store._counting._statements
    asked = [statements.few_waiting, statements.running, *statements.ended]
    asked += [statement for pair in statements.waiting for statement in pair]
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        for statement in asked:
            compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
            plan = [
                row[3]
                for row in connection.execute(f"EXPLAIN QUERY PLAN {compiled}", ["1"] * len(compiled.positiontup or ()))
            ]
            (search,) = (step for step in plan if "asyncendpoints_jobs" in step)
            assert "SEARCH asyncendpoints_jobs USING COVERING INDEX" in search, plan
            assert search.count("=?") == 3 or "_at>?" in search or "lease_until>?" in search, plan
