"""A server that takes no writes, as the old primary after a failover, is not stormed, and work goes on when it does."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer, free_port

PATIENCE: Final = 3.0
MOST: Final = 12
"""Connections within that time, with pauses that grow from 50 ms to 2 s."""


async def test_a_replica_is_asked_again_after_growing_pauses(redis_namespace: str) -> None:
    """A submission to a read-only server waits for a failover, makes few connections, and says what is wrong."""
    with RedisServer() as server:
        client: Any = server.client()
        store = RedisStore(f"{server.url()}?timeout={PATIENCE:g}", namespace=redis_namespace)
        await store.open()
        job = NewJob(job_id=new_job_id(), handler="work")
        try:
            client.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
            before = connections(client)
            with pytest.raises(StoreUnavailable, match="read only replica"):
                await store.enqueue([job])
            assert connections(client) - before <= MOST
            waiting = asyncio.ensure_future(store.enqueue([job]))
            await asyncio.sleep(0.3)
            client.execute_command("REPLICAOF", "NO", "ONE")
            assert [answer.word for answer in await waiting] == ["created"]
        finally:
            await store.close()


def connections(client: Any) -> int:
    return int(client.info("stats")["total_connections_received"])
