"""Several processes share one SQLite file, and what one of them leaves behind the others take up."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 60.0
JOBS = 40


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


def _worker(url: str, tmp_path: Path) -> Process:
    return Process([sys.executable, "-m", "tests.support.sqlite_worker", url, tmp_path], log=tmp_path / "worker.log")


async def _until(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never true: {what}"
        await asyncio.sleep(0.02)


async def test_a_job_that_one_process_submits_is_run_by_another(url: str, tmp_path: Path) -> None:
    """SUB-1: What one process has stored, the worker in another process runs, and a wait here sees its end."""
    store = SqlStore(url)
    await store.open()
    with _worker(url, tmp_path):
        new = [NewJob(job_id=new_job_id(), handler="pass", payload=b"%d" % number) for number in range(JOBS)]
        await store.enqueue(new)
        for number, job in enumerate(new):
            ended = await store.wait(job.job_id, version=3, timeout=PATIENCE)
            assert ended is not None
            assert (ended.state, ended.result) == ("completed", b"%d" % number)
    await store.close()


async def test_the_jobs_of_a_killed_worker_go_on_after_a_restart(url: str, tmp_path: Path) -> None:
    """RES-1: Killed with SIGKILL in the middle of its jobs, a worker's jobs are run again by the next process."""
    store = SqlStore(url)
    await store.open()
    new = [NewJob(job_id=new_job_id(), handler="hold", payload=b"%d" % number) for number in range(JOBS)]
    await store.enqueue(new)
    first = _worker(url, tmp_path)
    await _until("every job has begun", lambda: len(list(tmp_path.glob("*.1"))) == JOBS)
    first.kill()
    assert (await store.stats()).counts["default"]["in_progress"] == JOBS
    with _worker(url, tmp_path):
        for job in new:
            ended = await store.wait(job.job_id, version=5, timeout=PATIENCE)
            while ended is not None and not ended.done:
                ended = await store.wait(job.job_id, version=ended.version, timeout=PATIENCE)
            assert ended is not None
            assert (ended.state, ended.result) == ("completed", b'"attempt 2"')
            assert [run.outcome for run in ended.runs] == ["lost", "completed"]
    await store.close()


async def test_a_file_that_somebody_else_keeps_locked_is_said_to_be_so(url: str, tmp_path: Path) -> None:
    """SUB-1: A write that another process keeps from being done fails in a sentence, and works once it may."""
    store = SqlStore(f"{url}?timeout=0.05")
    await store.open()
    job = NewJob(job_id=new_job_id(), handler="h")
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"jobs\.db could not be used: another process has been writing"):
            await store.enqueue([job])
        assert await store.get(job.job_id) is None
        other.execute("ROLLBACK")
    assert [answer.word for answer in await store.enqueue([job])] == ["created"]
    await store.close()


async def test_a_file_that_is_no_database_is_refused(url: str, tmp_path: Path) -> None:
    """SUB-1: What is no SQLite database is not written to."""
    (tmp_path / "jobs.db").write_bytes(b"somebody's letter " * 100)
    with pytest.raises(StoreUnavailable, match="the file is no SQLite database"):
        await SqlStore(url).open()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await SqlStore(f"sqlite:///{tmp_path}/no/such/directory/jobs.db").open()


async def test_namespaces_in_one_file_do_not_see_each_other(url: str) -> None:
    """SUB-1: A job, its key and its pause belong to one namespace of a file."""
    one, other = SqlStore(url, namespace="one"), SqlStore(f"{url}?namespace=other")
    await one.open()
    await other.open()
    job = NewJob(job_id=new_job_id(), handler="h", scope="s", key="k", fingerprint=b"f" * 32)
    assert [answer.word for answer in await one.enqueue([job])] == ["created"]
    await one.pause("default", True)
    assert await other.get(job.job_id) is None
    again = NewJob(job_id=new_job_id(), handler="h", scope="s", key="k", fingerprint=b"g" * 32)
    assert [answer.word for answer in await other.enqueue([again])] == ["created"]
    taken = await other.claim(worker="w", claim_id="c", queues=["default"], limit=9, lease_ms=1_000)
    assert [claim.job_id for claim in taken.claims] == [again.job_id]
    await one.close()
    await other.close()
