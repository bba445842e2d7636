"""What a million finished jobs cost those that are still to be done: claims, and counts, beside an empty table.

`python -m benches.python.finished_jobs URL` measures the database of a URL, `python -m benches finished` a SQLite file.
Two sets of tables are made there, with prefixes of their own, and dropped at the end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.sql.rows import new_row
from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.stores.sql.tables import COMPLETED, FAILED, OUTCOME_CODES
from benches.report import line
from benches.results import Figure

if TYPE_CHECKING:
    from asyncendpoints.stores.sql.transaction import Transaction

FINISHED: Final = 1_000_000
AT_ONCE: Final = 5_000
REPEATS: Final = 400
COUNTS: Final = 15
LEASE_MS: Final = 60_000
QUEUES: Final = 4
FAILS: Final = 100
"""One in so many of the finished jobs has failed."""


def _finished(namespace: str, number: int) -> dict[str, Any]:
    """Return the row of a job that was done a while ago, oldest first."""
    now = 1_800_000_000_000 + number
    job = NewJob(job_id=new_job_id(now=now), handler="work", queue=f"queue-{number % QUEUES}", payload=b'{"n":1}')
    has_failed = number % FAILS == 0
    kept_ms = job.retention_failed_ms if has_failed else job.retention_completed_ms
    return {
        **new_row(namespace, job, now),
        "state": FAILED if has_failed else COMPLETED,
        "place": 0,
        "version": 3,
        "attempt": 1,
        "fence": 1,
        "started_at": now,
        "finished_at": now + 5,
        "expires_at": now + 5 + kept_ms,
        "prune_at": now + 5 + kept_ms,
        "run_started_at": now,
        "run_finished_at": now + 5,
        "run_outcome": OUTCOME_CODES["error" if has_failed else "completed"],
        "run_worker": "worker-1",
        "run_error": b"{}" if has_failed else None,
        "settled_fence": 1,
        "settled_nonce": str(number),
        "settled_to": FAILED if has_failed else COMPLETED,
        "result": None if has_failed else b"1",
    }


class BenchStore(SqlStore):
    """A store whose tables are filled and dropped."""

    async def fill(self) -> None:
        """Add the finished jobs, which to submit and run would take long."""
        for start in range(0, FINISHED, AT_ONCE):
            rows = [_finished(self.namespace, number) for number in range(start, start + AT_ONCE)]

            def add(tx: Transaction, rows: list[dict[str, Any]] = rows) -> None:
                tx.connection.execute(tx.tables.jobs.insert(), rows)

            await self._writes.call(add)

    async def drop(self) -> None:
        """Drop the tables."""
        await self._writes.call(lambda tx: tx.tables.metadata.drop_all(tx.connection))


async def _claim(store: SqlStore) -> float:
    """Submit a job and return the milliseconds that its claim takes."""
    await store.enqueue([NewJob(job_id=new_job_id(), handler="work", queue="queue-1", payload=b"1")])
    queues = [f"queue-{number}" for number in range(QUEUES)]
    begun = time.perf_counter()
    claimed = await store.claim(worker="w", claim_id=new_job_id(), queues=queues, limit=10, lease_ms=LEASE_MS)
    took = 1000 * (time.perf_counter() - begun)
    (claim,) = claimed.claims
    await store.settle([Settlement.of(claim, "returned", nonce=1)])
    return took


async def _count(store: SqlStore) -> float:
    begun = time.perf_counter()
    await store.stats()
    return 1000 * (time.perf_counter() - begun)


async def _measure(url: str, name: str) -> list[Figure]:
    mark = "&" if "?" in url else "?"
    full, empty = (BenchStore(f"{url}{mark}prefix=bench_{which}_") for which in ("full", "empty"))
    for store in (full, empty):
        await store.open()
    try:
        await full.fill()
        claims: tuple[list[float], list[float]] = ([], [])
        for _ in range(REPEATS):
            for store, times in zip((full, empty), claims, strict=True):
                times.append(await _claim(store))
        counts = [await _count(full) for _ in range(COUNTS)]
    finally:
        for store in (full, empty):
            await store.drop()
            await store.close()
    return [
        Figure(
            what=f"{name}: latency of a claim beside {FINISHED:,} finished jobs",
            value=median(claims[0]),
            unit="ms",
            target=1.5,
            at_most=True,
            peer="in an empty table",
            peer_value=median(claims[1]),
        ),
        Figure(what=f"{name}: counting {FINISHED:,} finished jobs", value=median(counts), unit="ms", repeats=counts),
    ]


def figures(url: str | None = None) -> list[Figure]:
    """Measure a database, or a new SQLite file."""
    if url is not None:
        return asyncio.run(_measure(url, url.partition(":")[0]))
    with TemporaryDirectory(prefix="asyncendpoints-") as directory:
        return asyncio.run(_measure(f"sqlite:///{directory}/jobs.db", "SQLite"))


if __name__ == "__main__":
    for figure in figures(*sys.argv[1:]):
        print(line(figure))
