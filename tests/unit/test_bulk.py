"""Many submissions at once: all or none are valid, each is stored once, and a refusal says what became of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from asyncendpoints import (
    AsyncEndpoints,
    BatchRefused,
    ConfigurationError,
    IdempotencyKeyInvalid,
    JobContext,
    PayloadTooLarge,
    QueueFull,
    ValidationFailed,
)
from asyncendpoints.bulk import AT_ONCE
from asyncendpoints.stores.base import JobFilter
from tests.support.running import running


class Order(BaseModel):
    """A body."""

    n: int


async def _stored(jobs: AsyncEndpoints) -> int:
    return len((await jobs.engine.store.list(JobFilter(), limit=10_000)).jobs)


async def test_each_payload_becomes_a_job_in_order() -> None:
    """More than one call's worth of payloads; each is run with its own."""
    async with running() as jobs:

        @jobs.handler()
        async def double(job: JobContext[int]) -> int:
            return 2 * job.payload

        numbers = range(2 * AT_ONCE + 3)
        submissions = await jobs.submit_many(double, numbers, priority=5, owner="ada")
        ended = [await jobs.wait(submission.job.job_id, 30) for submission in submissions]
        assert [job.result for job in ended] == [str(2 * number).encode() for number in numbers]
        assert {(job.priority, job.owner) for job in ended} == {(5, "ada")}
        assert await jobs.submit_many("double", []) == []


async def test_an_invalid_payload_stores_nothing_and_is_named() -> None:
    """SUB-2: The error is that of a single submission, with a note of which one it was."""
    jobs = AsyncEndpoints("memory://")

    @jobs.handler(max_body_bytes=4)
    async def work(job: JobContext[int]) -> None: ...

    async with jobs:
        with pytest.raises(ValidationFailed) as invalid:
            await jobs.submit_many(work, [1, 2, "three", 4])
        assert invalid.value.__notes__ == ["it was number 2 of a batch, of which nothing was stored"]
        with pytest.raises(PayloadTooLarge):
            await jobs.submit_many(work, [1, 10_000])
        with pytest.raises(IdempotencyKeyInvalid):
            await jobs.submit_many(work, [1, 2], idempotency_keys=["a", "b c"])
        for keys in (["a"], ["a", "b", "c"]):
            with pytest.raises(ConfigurationError, match="one key for each payload"):
                await jobs.submit_many(work, [1, 2], idempotency_keys=keys)
        assert await _stored(jobs) == 0


async def test_a_batch_repeated_with_its_keys_is_the_same_batch() -> None:
    """IDM-1: So a call whose answer was lost can be made again."""
    jobs = AsyncEndpoints("memory://", worker=False)

    @jobs.handler()
    async def work(job: JobContext[int]) -> None: ...

    async with jobs:
        first = await jobs.submit_many(work, [1, 2, 3], idempotency_keys=["a", "b", "c"])
        again = await jobs.submit_many(work, [1, 2, 3], idempotency_keys=["a", "b", "c"])
        assert [each.job.job_id for each in again] == [each.job.job_id for each in first]
        assert [each.replayed for each in first + again] == [False] * 3 + [True] * 3


async def test_a_full_queue_refuses_the_rest_and_says_which_are_stored() -> None:
    """Nothing is lost and nothing is guessed: the stored ones are named, the refused ones have their reason."""
    jobs = AsyncEndpoints("memory://", worker=False, max_queued=2)

    @jobs.handler()
    async def work(job: JobContext[int]) -> None: ...

    async with jobs:
        with pytest.raises(BatchRefused, match="1 of 3 submissions were refused") as refused:
            await jobs.submit_many(work, [1, 2, 3])
        assert [each is not None for each in refused.value.submissions] == [True, True, False]
        assert list(refused.value.refusals) == [2]
        assert isinstance(refused.value.refusals[2], QueueFull)
        assert await _stored(jobs) == 2


async def test_handlers_behind_routes_take_batches_too() -> None:
    """What a request with this body would store is stored for each."""
    jobs, app = AsyncEndpoints("memory://"), FastAPI()
    jobs.install(app)

    @app.post("/orders")
    @jobs.endpoint()
    async def order(body: Order) -> Any:
        return body.n

    async with jobs:
        submissions = await jobs.submit_many(order, [Order(n=1), {"n": 2}])
        assert [(await jobs.wait(each.job.job_id, 30)).result for each in submissions] == [b"1", b"2"]
