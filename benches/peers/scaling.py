"""What is measured of this library alone: a second worker process, and a million jobs that wait or have ended."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import Settlement
from asyncendpoints.store_urls import open_store
from benches.peers.bench import Bench
from benches.peers.measures import Sizes, drain_of

if TYPE_CHECKING:
    from benches.peers.catalogue import Peer
    from benches.peers.databases import SqlDatabase

CLAIMS: Final = 300
"""How many claims of one job are measured."""


def second_worker(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Handlers that use 5 ms of processor time each, in one worker process and in two."""
    with Bench(peer) as bench:
        one = drain_of(bench, sizes.burnt, "burn")["drain"]
    with Bench(peer) as bench:
        bench.prefill(sizes.burnt, "burn")
        with bench.worker() as first, bench.worker():
            stamp = bench.stamp(first)
            end = bench.settled(first)
        bench.verify()
    return {"burn_one": one, "burn_two": sizes.burnt / ((end.at_ns - stamp["at_ns"]) / 1e9)}


def long_queue(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """The rates at which a long queue and a short one are drained to their end, after as many jobs to warm up."""
    warm = sizes.many // 100
    rates: dict[str, float] = {}
    for name, count in (("drain_short", warm), ("drain_long", sizes.many)):
        with Bench(peer) as bench:
            bench.prefill(warm + count)
            with bench.worker() as worker:
                start = bench.settled(worker, left=count)
                end = bench.settled(worker)
            bench.verify()
        rates[name] = (start.left - end.left) / ((end.at_ns - start.at_ns) / 1e9)
    return rates


def finished_jobs(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Milliseconds, in the median, of a claim of one job: where there is little else, and beside finished jobs."""
    with Bench(peer) as bench:
        empty = _claim_ms(bench)
        _multiply(bench.database, sizes.many)
        full = _claim_ms(bench)
    return {"claim_empty": empty, "claim_full": full}


def _claim_ms(bench: Bench) -> float:
    bench.prefill(CLAIMS)
    taken = asyncio.run(_claims(bench.database.url))
    bench.expect_unsettled(0)
    return 1000 * median(taken)


async def _claims(url: str) -> list[float]:
    """Claim the jobs one by one, finish them, and return the seconds that each claim took."""
    store = open_store(url)
    await store.open()
    taken: list[float] = []
    for number in range(CLAIMS):
        begun = time.perf_counter()
        found = await store.claim(worker="bench", claim_id=f"{number}", queues=["default"], limit=1, lease_ms=60_000)
        taken.append(time.perf_counter() - begun)
        await store.settle([Settlement.of(claim, "returned") for claim in found.claims])
    await store.close()
    return taken


def _multiply(database: SqlDatabase, count: int) -> None:
    """Copy the finished jobs until there are so many, each under an id of its own."""
    columns = [found[0] for found in database.execute("SELECT * FROM asyncendpoints_jobs LIMIT 0").description]
    others = ", ".join(name for name in columns if name != "job_id")
    made = database.ask("SELECT count(*) FROM asyncendpoints_jobs")
    while made < count:
        step = min(made, count - made)
        number = f"substr(CAST({10**12 + made} + row_number() OVER () AS VARCHAR(13)), 2)"
        database.execute(
            f"INSERT INTO asyncendpoints_jobs (job_id, {others}) "
            f"SELECT substr(job_id, 1, 24) || {number}, {others} FROM asyncendpoints_jobs LIMIT {step}"
        )
        made += step
