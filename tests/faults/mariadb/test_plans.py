"""How MariaDB does the statements whose work must not grow with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.mariadb_server import connect, execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH = 500
ENDED = 8
TAKEN = 10


def _plans(url: str, seen: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Return every statement about jobs that selects, with each part of its plan that reads the table."""
    connection = connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        for sql, values in seen:
            if "FROM asyncendpoints_jobs" in sql and sql.startswith("SELECT"):
                cursor.execute(f"EXPLAIN {sql}", values)
                yield from ((sql, part) for part in cursor.fetchall() if part[2] == "asyncendpoints_jobs")
    connection.close()


def _rows_read(url: str) -> int:
    return sum(
        int(number)
        for name, number in execute(url, "SHOW GLOBAL STATUS LIKE 'Handler%'")
        if name.startswith("Handler_read")
    )


async def test_claims_sweeps_and_pages_follow_an_index_in_its_order(url: str) -> None:
    """CLM-2, RTN-1: With thousands of jobs that have ended, nothing is sorted, and no index is read from its start.

    Nothing is locked that is not taken either: what is sorted is locked first.
    """
    store = SqlStore(url)
    await store.open()
    ids: list[str] = []
    for _ in range(ENDED + 1):
        new = [NewJob(job_id=new_job_id(), handler="h", delay_ms=0 if n % 9 else 60_000) for n in range(BATCH)]
        ids += [job.job_id for job in new]
        await store.enqueue(new)
    ended = f"state = 3 + (ready_at % 2), place = 0, finished_at = 1, prune_at = {2**50}"
    execute(url, f"UPDATE asyncendpoints_jobs SET {ended} ORDER BY job_id LIMIT {ENDED * BATCH}")
    execute(url, "ANALYZE TABLE asyncendpoints_jobs")
    seen: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: Any) -> None:
        seen.append((sql, values))

    for line in (store._writes, store._reads, store._looks):
        event.listen(line._engine, "before_cursor_execute", keep)
    before = _rows_read(url)
    await store.claim(worker="w", claim_id="c", queues=["default", "other"], limit=TAKEN, lease_ms=60_000)
    read = _rows_read(url) - before
    await store.expired(limit=100)
    await store.strip(limit=100)
    await store.prune(limit=100)
    await store.get(ids[-1])
    page = await store.list(JobFilter(), limit=20)
    await store.list(JobFilter(), cursor=page.cursor, limit=20)
    await store.list(JobFilter(state="failed"), limit=20)
    await store.close()
    plans = list(_plans(url, seen))
    assert len(plans) >= 8
    for sql, (_, _, _, access, _, index, _, _, rows, extra) in plans:
        what = f"{access} {index} {rows} {extra}: {sql}"
        assert access in {"const", "ref", "range", "eq_ref"}, what
        assert "filesort" not in extra, what
    assert read < 20 * TAKEN, f"{read} rows were read to take {TAKEN}"
