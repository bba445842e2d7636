"""A run keeps its lease from the moment of its claim, although its worker's event loop has not heard of it yet."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.redis_proxy import RedisProxy
    from tests.support.redis_server import RedisServer

import pytest

LEASE_MS: Final = 600
MIB: Final = 1 << 20
BODIES: Final = 4


@pytest.fixture
async def near(server: RedisServer, redis_namespace: str) -> AsyncIterator[RedisStore]:
    """Return a store that nothing slows down."""
    store = RedisStore(server.url(), namespace=redis_namespace)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def far(proxy: RedisProxy, redis_namespace: str) -> AsyncIterator[RedisStore]:
    """Return another process's store of the same jobs."""
    store = RedisStore(proxy.url(), namespace=redis_namespace)
    await store.open()
    yield store
    await store.close()


def claim_all(store: RedisStore) -> Any:
    return store.claim(worker="worker-1", claim_id="claim-1", queues=["default"], limit=BODIES, lease_ms=LEASE_MS)


async def test_a_blocked_loop_keeps_what_it_has_claimed_and_not_heard_of(near: RedisStore, far: RedisStore) -> None:
    """LSE-3a: The claim is answered while a handler blocks the loop for several leases; nobody rescues its jobs."""
    await near.enqueue([NewJob(job_id=new_job_id(), handler="work") for _ in range(BODIES)])
    keeper = far.keeper(worker="worker-1", lease_ms=LEASE_MS, max_stall_ms=60_000)
    claiming = asyncio.ensure_future(claim_all(far))
    await asyncio.sleep(0)  # it is called
    await asyncio.sleep(0)  # and on its way
    time.sleep(5 * LEASE_MS / 1000)  # noqa: ASYNC251 (what a handler must not do, and some does)
    assert not claiming.done()
    assert await near.expired(limit=BODIES) == []
    assert len((await claiming).claims) == BODIES
    await keeper.close()


async def test_bodies_may_take_longer_than_the_lease(near: RedisStore, far: RedisStore, proxy: RedisProxy) -> None:
    """LSE-3a: Until the last body of a claim has arrived, the runs that it began stay its worker's."""
    await near.enqueue([NewJob(job_id=new_job_id(), handler="work", payload=b"p" * MIB) for _ in range(BODIES)])
    keeper = far.keeper(worker="worker-1", lease_ms=LEASE_MS, max_stall_ms=60_000)
    proxy.rate = 1.5 * MIB
    claiming = asyncio.ensure_future(claim_all(far))
    while not claiming.done():
        assert await near.expired(limit=BODIES) == []
        await asyncio.sleep(0.05)
    claims = (await claiming).claims
    assert len(claims) == BODIES
    runs = [(claim.job_id, claim.fence) for claim in claims]
    assert await near.renew(runs, lease_ms=LEASE_MS) == ["renewed"] * BODIES
    await keeper.close()


async def test_what_a_worker_claims_as_it_ends_is_not_renewed(near: RedisStore, far: RedisStore) -> None:
    """RES-1: Nobody takes up what arrives after the keeper was closed, so its leases pass."""
    await near.enqueue([NewJob(job_id=new_job_id(), handler="work")])
    keeper = far.keeper(worker="worker-1", lease_ms=LEASE_MS, max_stall_ms=60_000)
    await keeper.close()
    claims = (await claim_all(far)).claims
    async with asyncio.timeout(10):
        while not (lost := await near.expired(limit=BODIES)):
            await asyncio.sleep(0.05)
    assert [run.job_id for run in lost] == [claim.job_id for claim in claims]
