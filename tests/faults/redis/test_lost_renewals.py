"""A renewal that nothing answers costs no lease: it is made again while there is time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from tests.support.redis_proxy import Command, RedisProxy
    from tests.support.redis_server import RedisServer

LEASE = 3.0
"""Seconds; a third of it is less than the store's usual patience with a connection."""


async def test_a_renewal_that_vanishes_is_made_again_before_the_lease_ends(
    server: RedisServer, proxy: RedisProxy
) -> None:
    """LSE-3a: Where a connection takes renewals and answers none, another one keeps the lease."""
    near = RedisStore(server.url(), namespace="lost-renewals")
    far = RedisStore(proxy.url(), namespace="lost-renewals")
    await near.open()
    await far.open()
    await near.enqueue([NewJob(job_id=new_job_id(), handler="work")])
    lease_ms = round(LEASE * 1000)
    claimed = await far.claim(worker="worker-1", claim_id="claim-1", queues=["default"], limit=1, lease_ms=lease_ms)
    (run,) = claimed.claims
    swallowed: list[Command] = []

    def first_renewal(command: Command) -> bool:
        # Nothing else runs a script over the far store from here on.
        if swallowed or command[0].upper() != b"EVALSHA":
            return False
        swallowed.append(command)
        return True

    keeper = far.keeper(worker="worker-1", lease_ms=lease_ms, max_stall_ms=60_000)
    keeper.hold([(run.job_id, run.fence, 60_000)])
    proxy.swallows = first_renewal
    end = time.monotonic() + LEASE + 0.5
    while time.monotonic() < end:
        assert await near.expired(limit=10) == []
        await asyncio.sleep(0.1)
    assert swallowed, "no renewal came by"
    await keeper.close()
    await far.close()
    await near.close()
