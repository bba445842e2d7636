"""A write whose reply is lost is repeated, by the store or by its caller, and answers as the first would have."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.redis import RedisStore
from tests.support.faults.operations import learn_operations
from tests.support.redis_proxy import Cut
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from asyncendpoints._core import Claim
    from tests.support.redis_proxy import RedisProxy

LEASE_MS = 600_000
"""Longer than any test: nothing here may wait for the end of a lease."""
PATIENCE = 30.0

CUTS = pytest.mark.parametrize(
    "cut", [Cut.BEFORE_REQUEST, Cut.AFTER_REQUEST, Cut.IN_REPLY], ids=lambda cut: cut.name.lower()
)


@pytest.fixture
async def store(proxy: RedisProxy, redis_namespace: str) -> AsyncIterator[RedisStore]:
    one = RedisStore(proxy.url(), namespace=redis_namespace)
    await one.open()
    yield one
    await one.close()


async def repeated(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call, and again while the store does not answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call()
            except StoreUnavailable:
                await asyncio.sleep(0.01)


async def started(store: RedisStore) -> Claim:
    """Store a job and claim it."""
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    (claim,) = (await claim_one(store, "claim-1")).claims
    return claim


async def claim_one(store: RedisStore, claim_id: str) -> Any:
    return await store.claim(worker="w", claim_id=claim_id, queues=["default"], limit=1, lease_ms=LEASE_MS)


@CUTS
async def test_an_enqueue_stores_one_job(store: RedisStore, proxy: RedisProxy, cut: Cut) -> None:
    """SUB-3: Whether or not the first write got through, there is one job and its caller gets it."""
    operations = await learn_operations(proxy)
    new = NewJob(job_id=new_job_id(), handler="h", scope="s", key="k", fingerprint=b"f" * 32)
    fault = proxy.arm(cut, operations.is_("enqueue"))
    (answer,) = await repeated(lambda: store.enqueue([new]))
    assert fault.fired.is_set()
    assert answer.word in {"created", "replayed"}
    assert answer.job.job_id == new.job_id
    assert [job.job_id for job in (await store.list(JobFilter())).jobs] == [new.job_id]


@CUTS
async def test_a_holders_writes_answer_as_the_first(store: RedisStore, proxy: RedisProxy, cut: Cut) -> None:
    """SUB-3: Renew, progress, reserve, record and settle are told that they succeeded, and happened once."""
    operations = await learn_operations(proxy)
    claim = await started(store)
    run = (claim.job_id, claim.fence)
    settlement = Settlement.of(claim, "returned", nonce=7, result=b"1")
    answers: dict[str, Any] = {}
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "renew": lambda: store.renew([run], lease_ms=LEASE_MS),
        "progress": lambda: store.progress(*run, b"1"),
        "reserve": lambda: store.reserve(*run, "k", "n"),
        "record": lambda: store.record(*run, "k", "n", b"1"),
        "settle": lambda: store.settle([settlement]),
    }
    for name, call in calls.items():
        fault = proxy.arm(cut, operations.is_(name))
        answers[name] = await repeated(call)
        assert fault.fired.is_set(), name
    assert answers.pop("reserve").word == "reserved"
    assert answers == {"renew": ["renewed"], "progress": True, "record": True, "settle": ["completed"]}
    job = await store.get(claim.job_id)
    assert job is not None
    assert (job.state, job.result, [each.outcome for each in job.runs]) == ("completed", b"1", ["completed"])


@CUTS
async def test_a_claim_whose_answer_is_lost_holds_nothing(store: RedisStore, proxy: RedisProxy, cut: Cut) -> None:
    """CLM-1: Whoever gets no answer releases the claim, and at once the job can be claimed by others, uncharged."""
    operations = await learn_operations(proxy)
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    fault = proxy.arm(cut, operations.is_("claim"))
    try:
        claims = (await claim_one(store, "claim-1")).claims
    except StoreUnavailable:
        await repeated(lambda: store.release_claim("claim-1"))
        claims = (await repeated(lambda: claim_one(store, "claim-2"))).claims
    assert fault.fired.is_set()
    assert [claim.attempt for claim in claims] == [1]
    outcomes = Counter(run.outcome for run in (await store.get(claims[0].job_id)).runs)
    assert outcomes in ({None: 1}, {None: 1, "released": 1})


async def test_a_claim_that_a_frozen_redis_carries_out_late_is_given_back(redis_namespace: str) -> None:
    """CLM-1: Its caller has given up and released it when Redis reads it; the job is free again all the same."""
    with RedisServer() as server:
        store = RedisStore(f"{server.url()}?timeout=0.3", namespace=redis_namespace)
        await store.open()
        try:
            await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
            server.stop_answering()
            with pytest.raises(StoreUnavailable):
                await claim_one(store, "claim-1")
            release = asyncio.create_task(repeated(lambda: store.release_claim("claim-1")))
            await asyncio.sleep(0.1)  # on its way before Redis goes on
            server.go_on()
            await release
            (claim,) = (await repeated(lambda: claim_one(store, "claim-2"))).claims
            assert claim.attempt == 1
        finally:
            await store.close()
