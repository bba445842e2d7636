"""A user without rights to channels has its jobs stored and run, and is told what it lacks when the store is opened."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer


async def test_jobs_of_a_user_without_channels_are_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """Each submission is answered as stored, a cancellation is taken, and `open` warns with the rule that helps."""
    with RedisServer() as server:
        client: Any = server.client()
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "resetchannels")
        store = RedisStore(f"redis://app:pw@127.0.0.1:{server.port}/3", namespace="rights")
        with caplog.at_level(logging.WARNING):
            await store.open()
        try:
            rule = "ACL SETUSER app +publish +subscribe +unsubscribe +ping &{rights.0}:db3:*"
            assert any(rule in record.getMessage() for record in caplog.records)
            assert rule in [risk.remedy for risk in await store.risks()]
            claim: dict[str, Any] = {"worker": "worker-1", "queues": ["default"], "limit": 5, "lease_ms": 15_000}
            assert (await store.claim(claim_id="claim-1", **claim)).claims == []
            jobs = [NewJob(job_id=new_job_id(), handler="work") for _ in range(3)]
            answers = await asyncio.gather(*(store.enqueue([job]) for job in jobs))
            assert [answer.word for [answer] in answers] == ["created"] * 3
            assert len((await store.claim(claim_id="claim-2", **claim)).claims) == 3
            client.execute_command("ACL", "SETUSER", "app", *rule.split()[3:])
            assert [risk for risk in await store.risks() if risk.remedy == rule] == []
        finally:
            await store.close()


async def test_waits_of_a_user_without_channels_look_at_once() -> None:
    """Nobody is kept waiting for a subscription that was refused: a wait has the change when it looks again."""
    with RedisServer() as server:
        client: Any = server.client()
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "resetchannels")
        store = RedisStore(f"redis://app:pw@127.0.0.1:{server.port}/0", namespace="rights")
        await store.open()
        try:
            for _ in range(6):  # the pauses between the attempts grow
                job = NewJob(job_id=new_job_id(), handler="work")
                await store.enqueue([job])
                began = asyncio.get_running_loop().time()
                waiting = asyncio.ensure_future(store.wait(job.job_id, version=1, timeout=5.0))
                await asyncio.sleep(0.05)
                await store.cancel(job.job_id)
                found = await waiting
                assert found is not None
                assert found.state == "canceled"
                # It looks at once, and then every second.
                assert asyncio.get_running_loop().time() - began < 1.5
        finally:
            await store.close()
