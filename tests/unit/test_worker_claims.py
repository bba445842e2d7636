"""Claims that are not answered, or too late: a drain does not wait for them, and what they bring is given back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import PATIENCE, outcomes, until

if TYPE_CHECKING:
    from asyncendpoints._core import Claims


class LateStore(FaultyStore):
    """Applies a claim at once, and answers when told."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.answers = asyncio.Event()
        self.late = False

    async def claim(self, **named: Any) -> Claims:
        """Claim now, answer later."""
        claims = await self.inner.claim(**named)
        if self.late and claims.claims:
            self.calls["late"] += 1
            await self.answers.wait()
        return claims


async def start(store: LateStore, gate: asyncio.Event) -> tuple[AsyncEndpoints, str]:
    """Start an application that has one handler running and one claim unanswered, and return the latter's job."""
    jobs = AsyncEndpoints(store)

    @jobs.handler
    async def work() -> None:
        await gate.wait()

    await jobs.start()
    await jobs.submit(work)
    await until(lambda: jobs.engine.worker is not None and jobs.engine.worker.running == 1)
    store.late = True
    job_id = (await jobs.submit(work)).job.job_id
    await until(lambda: store.calls["late"])
    return jobs, job_id


@pytest.mark.parametrize("answered", [True, False])
async def test_what_a_claim_brings_during_a_drain_is_given_back_before_the_grace_is_over(*, answered: bool) -> None:
    """SHD-1: Another worker can have it at once, whether the answer comes or not."""
    store, gate = LateStore(), asyncio.Event()
    jobs, job_id = await start(store, gate)
    stopping = asyncio.create_task(jobs.stop(grace=PATIENCE))
    await until(lambda: jobs.engine.draining)
    if answered:
        store.answers.set()
    await until(lambda: store.calls["release_claim"])
    job = await store.inner.get(job_id)
    assert job is not None
    assert (job.state, outcomes(job), stopping.done()) == ("queued", ["released"], False)
    gate.set()
    await stopping


@pytest.mark.parametrize("way", ["stop", "second signal", "close"])
async def test_a_store_that_never_answers_claims_does_not_keep_the_worker_from_ending(way: str) -> None:
    """Neither a drain nor a second signal nor a close waits for claims, or for giving them back, without end."""
    store, gate = LateStore(), asyncio.Event()
    jobs, _ = await start(store, gate)
    store.hold("release_claim")
    async with asyncio.timeout(PATIENCE):
        if way == "close":
            await jobs.engine.close()
        else:
            stopping = asyncio.create_task(jobs.stop(grace=0 if way == "stop" else 3600))
            await until(lambda: jobs.engine.draining)
            if way != "stop":
                jobs.engine.release_now()
            await stopping
    assert not jobs.engine.started
