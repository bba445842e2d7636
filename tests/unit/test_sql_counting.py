"""Counting costs what there is to do, and not what has been done."""

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


async def test_few_ended_jobs_are_counted_at_each_call(store: SqlStore) -> None:
    """What has just ended is in the numbers."""
    for number in (1, 2, 3):
        await _complete(store, 1)
        assert (await store.stats()).counts["default"]["completed"] == number


async def test_a_multitude_of_ended_jobs_is_counted_now_and_then(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their number may be older than that of the jobs to be done, until some time has passed."""
    monkeypatch.setattr(counting, "MANY", 3)
    monkeypatch.setattr(counting, "REST", 1_000_000)
    await _complete(store, 3)
    assert (await store.stats()).counts["default"]["completed"] == 3
    await _complete(store, 1)
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    found = (await store.stats()).counts["default"]
    assert (found["completed"], found["queued"]) == (3, 1)
    store._counting._until = 0.0
    assert (await store.stats()).counts["default"]["completed"] == 4


async def test_jobs_to_be_done_are_counted_without_a_look_at_others(store: SqlStore, tmp_path: Path) -> None:
    """SQLite searches an index for each queue and state, and scans no table and no index."""
    statement = store._counting._live.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        plan = [
            row[3]
            for row in connection.execute(
                f"EXPLAIN QUERY PLAN {statement}", ["default"] * len(statement.positiontup or ())
            )
        ]
    assert any("SEARCH asyncendpoints_jobs USING COVERING INDEX asyncendpoints_jobs_place" in step for step in plan), (
        plan
    )
    assert not any(step.startswith("SCAN asyncendpoints_jobs") for step in plan), plan
