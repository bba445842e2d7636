"""Bodies that the network carries slower than the store is patient arrive all the same, and once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from tests.support.redis_proxy import RedisProxy
    from tests.support.redis_server import RedisServer

MIB: Final = 1 << 20
RATE: Final = 4.0 * MIB
"""Bytes a second that the network carries."""
BODIES: Final = 8
"""How many bodies of one MiB are sent, which takes many times as long as the store is patient."""
PATIENCE: Final = "timeout=0.6"


def large_job() -> NewJob:
    return NewJob(job_id=new_job_id(), handler="work", payload=b"p" * MIB)


async def test_a_claim_takes_as_long_as_its_bodies_flow(server: RedisServer, proxy: RedisProxy) -> None:
    """A reply that takes longer than the time-out is not lost while its bytes arrive."""
    jobs = [large_job() for _ in range(BODIES)]
    near = RedisStore(server.url(), namespace="slow-down")
    await near.open()
    await near.enqueue(jobs)
    far = RedisStore(f"{proxy.url()}?{PATIENCE}", namespace="slow-down")
    await far.open()
    proxy.rate = RATE
    proxy.commands = []
    claimed = await far.claim(worker="worker-1", claim_id="claim-1", queues=["default"], limit=BODIES, lease_ms=60_000)
    assert {claim.job_id for claim in claimed.claims} == {job.job_id for job in jobs}
    assert not [command for command in proxy.commands if command[:2] == [b"SCRIPT", b"LOAD"]], "it connected again"
    await far.close()
    await near.close()


async def test_submissions_take_as_long_as_their_bodies_flow(proxy: RedisProxy) -> None:
    """Submissions that take longer than the time-out are made, and no byte is sent twice."""
    store = RedisStore(f"{proxy.url()}?{PATIENCE}", namespace="slow-up")
    await store.open()
    proxy.rate = RATE
    proxy.commands = []
    answers = await asyncio.gather(*(store.enqueue([large_job()]) for _ in range(BODIES)))
    assert [answer.word for (answer,) in answers] == ["created"] * BODIES
    large = [command for command in proxy.commands if sum(map(len, command)) >= MIB]
    assert sum(len(part) for command in large for part in command) < (BODIES + 1) * MIB
    await store.close()
