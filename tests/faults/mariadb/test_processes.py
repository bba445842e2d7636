"""Several processes share one MariaDB: no job is claimed twice, none is lost, and a killed worker's jobs go on."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from asyncendpoints import StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.mariadb_server import execute
from tests.support.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.mariadb_server import MariadbServer

PATIENCE = 60.0
WORKERS = 4
JOBS = 1_000
HELD = 40
ENOUGH = 100
"""Jobs that are accepted before the next thing happens to the server."""


def _worker(url: str, tmp_path: Path, lease_for: float = 1.0) -> Process:
    command = [sys.executable, "-m", "tests.support.sqlite_worker", url, tmp_path, str(lease_for)]
    return Process(command, log=tmp_path / "worker.log")


async def _until(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never true: {what}"
        await asyncio.sleep(0.02)


def _seen(url: str) -> int:
    """Return how many workers have begun a job."""
    ((count,),) = execute(url, "SELECT COUNT(DISTINCT run_worker) FROM asyncendpoints_jobs")
    return count


def _new(handler: str, number: int) -> NewJob:
    return NewJob(job_id=new_job_id(), handler=handler, payload=b"%d" % number)


async def test_no_job_is_claimed_twice_and_none_is_lost(url: str, tmp_path: Path) -> None:
    """CLM-1, SUB-1: Four processes claim what this one submits meanwhile; each job has exactly one run."""
    store = SqlStore(url)
    await store.open()
    # No run is lost on a busy machine.
    workers = [_worker(url, tmp_path, lease_for=PATIENCE) for _ in range(WORKERS)]
    try:
        # They share a log.
        await _until("every worker works", lambda: workers[0].output.count("works") == WORKERS)
        submitted = 0
        end = time.monotonic() + PATIENCE
        # They look every two seconds, so that one may have done everything before the others look.
        while submitted < JOBS or _seen(url) < 2:
            assert time.monotonic() < end, "one worker did everything"
            await store.enqueue([_new("pass", number) for number in range(submitted, submitted + 50)])
            submitted += 50

        def ended() -> bool:
            table = "asyncendpoints_jobs"
            return execute(url, f"SELECT COUNT(*) FROM {table} WHERE finished_at IS NOT NULL")[0][0] == submitted

        await _until("every job has ended", ended)
        # Completed, with one run each.
        runs = execute(url, "SELECT state, fence, attempt, COUNT(*) FROM asyncendpoints_jobs GROUP BY 1, 2, 3")
        assert runs == ((3, 1, 1, submitted),)
    finally:
        for worker in workers:
            worker.kill()
        await store.close()


async def test_the_jobs_of_a_killed_worker_go_on_in_another(url: str, tmp_path: Path) -> None:
    """RES-1, SET-3: Killed with SIGKILL in the middle of its jobs, a worker's jobs are run again by the next."""
    store = SqlStore(url)
    await store.open()
    new = [_new("hold", number) for number in range(HELD)]
    await store.enqueue(new)
    first = _worker(url, tmp_path)
    try:
        await _until("every job has begun", lambda: len(list(tmp_path.glob("*.1"))) == HELD)
    finally:
        first.kill()
    with _worker(url, tmp_path):
        for job in new:
            ended = await store.wait(job.job_id, version=5, timeout=PATIENCE)
            while ended is not None and not ended.done:
                ended = await store.wait(job.job_id, version=ended.version, timeout=PATIENCE)
            assert ended is not None
            assert (ended.state, ended.result) == ("completed", b'"attempt 2"')
            assert [run.outcome for run in ended.runs] == ["lost", "completed"]
    await store.close()


async def test_a_server_that_is_killed_under_load_loses_nothing_that_was_accepted(
    mariadb: MariadbServer, url: str, tmp_path: Path
) -> None:
    """SUB-1, RES-1: Killed twice and started again while jobs are submitted and run, the server has all of them.

    Nobody starts again: this process and the workers find back by themselves.
    """
    store = SqlStore(f"{url}?timeout=2")
    await store.open()
    workers = [_worker(f"{url}?timeout=2", tmp_path) for _ in range(2)]
    accepted: list[str] = []
    refused = 0

    async def submit_until(is_over: Callable[[], bool]) -> int:
        refused = 0
        while not is_over():
            job = _new("pass", len(accepted))
            try:
                await store.enqueue([job])
            except StoreUnavailable:
                refused += 1
                await asyncio.sleep(0.01)
            else:
                accepted.append(job.job_id)
        return refused

    try:
        # A worker that finds no server at its start ends, so that whoever supervises it tries again.
        await _until("both workers work", lambda: workers[0].output.count("works") == len(workers))
        for _ in range(2):
            enough = len(accepted) + ENOUGH
            await submit_until(lambda enough=enough: len(accepted) >= enough)
            down = asyncio.create_task(asyncio.to_thread(mariadb.restart))
            refused += await submit_until(down.done)
            await down
        enough = len(accepted) + ENOUGH
        await submit_until(lambda: len(accepted) >= enough)
        assert refused, "the server was never away"
        for job_id in accepted:
            ended = await store.wait(job_id, version=2, timeout=PATIENCE)
            async with asyncio.timeout(PATIENCE):
                while ended is not None and not ended.done:
                    ended = await store.wait(job_id, version=ended.version, timeout=PATIENCE)
            assert ended is not None, f"{job_id} was accepted and is lost"
            assert ended.state == "completed"
    finally:
        for worker in workers:
            worker.kill()
        await store.close()
