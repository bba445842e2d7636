"""Awaits that are cancelled at any moment disturb nobody: every other one gets its own answer."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore
from tests.support.faults.rounds import rounds

if TYPE_CHECKING:
    from tests.support.redis_proxy import RedisProxy
    from tests.support.redis_server import RedisServer
    from tests.support.redis_stores import RedisStores

AT_ONCE = 500
LEASE_MS = 600_000
"""Longer than any test: what a cancelled claim has begun must come back without its lease's end."""


async def test_cancelled_awaits_leave_every_reply_where_it_belongs(redis_stores: RedisStores) -> None:
    """Calls are cancelled by the thousand, before, while and after they are sent; no other gets their reply."""
    store = redis_stores.make()
    await store.open()
    try:
        ids = [new_job_id() for _ in range(100)]
        await store.enqueue([NewJob(job_id=job_id, handler="h", payload=job_id.encode()) for job_id in ids])
        cancelled = 0
        while cancelled < 100_000:
            cancelled += await _cancel_some(store, ids)
    finally:
        await store.close()


async def _cancel_some(store: RedisStore, ids: list[str]) -> int:
    """Ask for many jobs at once, cancel most of the calls, check the rest; return how many were cancelled."""
    asked = random.choices(ids, k=AT_ONCE)
    calls = [asyncio.create_task(store.get(job_id)) for job_id in asked]
    for call in random.sample(calls, k=AT_ONCE * 9 // 10):
        if random.random() < 0.02:
            await asyncio.sleep(0)
        call.cancel()
    answers: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    for job_id, answer in zip(asked, answers, strict=True):
        if not isinstance(answer, asyncio.CancelledError):
            assert (answer.job_id, answer.payload) == (job_id, job_id.encode())
    return sum(isinstance(answer, asyncio.CancelledError) for answer in answers)


async def test_claims_that_nobody_waits_for_are_given_back(redis_stores: RedisStores) -> None:
    """CLM-1: A claim that is cancelled on its way holds nothing: soon every job can be claimed again, uncharged."""
    store = redis_stores.make()
    await store.open()
    how: dict[str, Any] = {"worker": "w", "queues": ["default"], "lease_ms": LEASE_MS}
    try:
        ids = [new_job_id() for _ in range(200)]
        await store.enqueue([NewJob(job_id=job_id, handler="h") for job_id in ids])
        for number in range(rounds(usual=200, campaign=5_000)):
            claim = asyncio.create_task(store.claim(claim_id=f"claim-{number}", limit=3, **how))
            for _ in range(random.randrange(4)):
                await asyncio.sleep(0)
            claim.cancel()
            (answer,) = await asyncio.gather(claim, return_exceptions=True)
            if not isinstance(answer, BaseException):
                await store.release_claim(f"claim-{number}")
        async with asyncio.timeout(30):
            while (await store.stats()).counts["default"].get("in_progress", 0):
                await asyncio.sleep(0.01)
        claims = (await store.claim(claim_id="last", limit=1_000, **how)).claims
        assert sorted(claim.job_id for claim in claims) == sorted(ids)
        assert {claim.attempt for claim in claims} == {1}
    finally:
        await store.close()


async def test_a_cancelled_submission_is_stored_once_or_not_at_all(redis_stores: RedisStores) -> None:
    """SUB-3: Whoever repeats a submission that was cancelled on its way gets the one job of its id."""
    store = redis_stores.make()
    await store.open()
    try:
        new = [NewJob(job_id=new_job_id(), handler="h") for _ in range(rounds(usual=500, campaign=5_000))]
        calls = [asyncio.create_task(store.enqueue([job])) for job in new]
        for call in calls:
            if random.random() < 0.02:
                await asyncio.sleep(0)
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        answers = await store.enqueue(new)
        assert {answer.word for answer in answers} <= {"created", "replayed"}
        assert (await store.stats()).counts["default"]["queued"] == len(new)
    finally:
        await store.close()


async def test_a_claim_that_was_given_back_is_not_sent_again(
    proxy: RedisProxy, server: RedisServer, redis_namespace: str
) -> None:
    """CLM-1: It comes back because its script is unknown, when its release, whose script is known, has been done."""
    near = RedisStore(server.url(), namespace=redis_namespace)
    far = RedisStore(proxy.url(), namespace=redis_namespace)
    await near.open()
    await far.open()
    how: dict[str, Any] = {"worker": "w", "queues": ["default"], "lease_ms": LEASE_MS, "limit": 1}
    try:
        await near.enqueue([NewJob(job_id=new_job_id(), handler="h")])
        with server.client() as client:
            client.script_flush()
        assert await near.release_claim("another") == 0
        proxy.delay = 0.1
        claim = asyncio.create_task(far.claim(claim_id="claim-1", **how))
        await asyncio.sleep(0.02)
        claim.cancel()
        await asyncio.wait({claim})
        # What follows on that connection is answered after them.
        for _ in range(3):
            await far.ping()
        (job,) = (await near.claim(claim_id="claim-2", **how)).claims
        assert job.fence == 1
    finally:
        await far.close()
        await near.close()
