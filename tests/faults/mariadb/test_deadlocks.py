"""Transactions that lock the same jobs in opposite orders get in each other's way, and nobody notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from asyncendpoints._core import NewJob, Settlement, decide, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.mariadb_server import execute

if TYPE_CHECKING:
    from asyncendpoints._core import Claim

STORES = 8
JOBS = 24
ROUNDS = 3


def _deadlocks(url: str) -> int:
    return int(execute(url, "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])


def _completed(claim: Claim) -> Settlement:
    verdict = decide("returned", attempt=claim.attempt, max_attempts=claim.max_attempts, cancel_requested=False)
    return Settlement(
        job_id=claim.job_id, fence=claim.fence, verdict=verdict, verdict_if_canceled=verdict, nonce=claim.fence
    )


async def test_a_storm_of_deadlocks_loses_nothing_and_answers_everybody(url: str) -> None:
    """CAN-1, SET-1, IDM-1: Eight connections cancel, store and end the same jobs in opposite orders; all is right.

    The calls of one store at one time are one transaction, which locks the jobs in the order of the calls.
    """
    stores = [SqlStore(url) for _ in range(STORES)]
    await asyncio.gather(*(store.open() for store in stores))
    before = _deadlocks(url)
    for _ in range(ROUNDS):
        await _cancel_all(stores)
        await _store_all(stores)
        await _end_all(stores)
    assert _deadlocks(url) > before, "nobody was in anybody's way"
    for counts in (await stores[0].stats()).counts.values():
        assert counts["queued"] == counts["in_progress"] == 0
        assert sum(counts.values()) == ROUNDS * JOBS
    await asyncio.gather(*(store.close() for store in stores))


def _orders(ids: list[str]) -> list[list[str]]:
    """Return for each store its own order of the jobs: every second one goes the other way round."""
    turned = [ids[shift:] + ids[:shift] for shift in range(0, JOBS, JOBS // STORES + 1)]
    turned = [turned[index % len(turned)] for index in range(STORES)]
    return [order if index % 2 else order[::-1] for index, order in enumerate(turned)]


async def _cancel_all(stores: list[SqlStore]) -> None:
    new = [NewJob(job_id=new_job_id(), handler="h", queue="never") for _ in range(JOBS)]
    await stores[0].enqueue(new)
    orders = _orders([job.job_id for job in new])
    answers = await asyncio.gather(
        *(store.cancel(job_id) for store, order in zip(stores, orders, strict=True) for job_id in order)
    )
    words = Counter((answer.word, answer.job.job_id if answer.job else None) for answer in answers)
    for job in new:
        assert (words["canceled", job.job_id], words["already", job.job_id]) == (1, STORES - 1)


async def _store_all(stores: list[SqlStore]) -> None:
    """Let every store add jobs with the same keys, each in an order of its own."""
    mark = new_job_id()
    numbers = [str(number) for number in range(JOBS)]
    orders = _orders(numbers)

    def new(number: str) -> NewJob:
        key = f"{mark} {number}"
        return NewJob(job_id=new_job_id(), handler="h", queue="keyed", scope="s", key=key, fingerprint=b"f" * 32)

    answers = await asyncio.gather(
        *(store.enqueue([new(number)]) for store, order in zip(stores, orders, strict=True) for number in order)
    )
    found = [(answer.job.request_id, answer.word) for (answer,) in answers if answer.job is not None]
    assert Counter(found) == Counter(
        {(f"{mark} {number}", word): count for number in numbers for word, count in _once_in(STORES).items()}
    )
    keyed = {answer.job.job_id for (answer,) in answers if answer.job is not None}
    assert len(keyed) == JOBS
    await asyncio.gather(*(stores[index % STORES].cancel(job_id) for index, job_id in enumerate(sorted(keyed))))


def _once_in(number: int) -> dict[str, int]:
    return {"created": 1, "replayed": number - 1}


async def _end_all(stores: list[SqlStore]) -> None:
    """Let all stores claim, end and cancel the same jobs at the same time."""
    new = [NewJob(job_id=new_job_id(), handler="h") for _ in range(JOBS)]
    await stores[0].enqueue(new)

    async def work(store: SqlStore) -> list[tuple[str, str]]:
        ended: list[tuple[str, str]] = []
        while True:
            found = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=5, lease_ms=60_000)
            if not found.claims:
                return ended
            # Both at once, so that they are one transaction with opposite orders.
            settled, _ = await asyncio.gather(
                store.settle([_completed(claim) for claim in found.claims]),
                asyncio.gather(*(store.cancel(claim.job_id) for claim in reversed(found.claims))),
            )
            ended += [(claim.job_id, word) for claim, word in zip(found.claims, settled, strict=True)]

    async def cancel(store: SqlStore, order: list[str]) -> None:
        await asyncio.gather(*(store.cancel(job_id) for job_id in order))

    half = STORES // 2
    orders = _orders([job.job_id for job in new])
    results = await asyncio.gather(
        *(work(store) for store in stores[:half]),
        *(cancel(store, order) for store, order in zip(stores[half:], orders[half:], strict=True)),
    )
    ended = [one for result in results if result for one in result]
    assert len({job_id for job_id, _ in ended}) == len(ended), "a job was claimed twice"
    stored = await asyncio.gather(*(stores[0].get(job.job_id) for job in new))
    states = {job.job_id: job.state for job in stored if job is not None}
    assert len(states) == JOBS
    for job_id, word in ended:
        assert states[job_id] == word
    # Those that nobody claimed were canceled before.
    assert {states[job.job_id] for job in new if job.job_id not in dict(ended)} <= {"canceled"}
