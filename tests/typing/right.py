"""What a type checker must see in correct code: read by pyright, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_type

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from starlette.applications import Starlette
from starlette.routing import Route

from asyncendpoints import (
    AsyncEndpoints,
    Delays,
    Exponential,
    Fixed,
    Job,
    JobContext,
    JobDepends,
    JobState,
    Result,
    Retention,
    Retry,
    Run,
    StoredRequest,
    Submission,
    current_job,
)
from asyncendpoints._core import Cancellation
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore, Testing, VirtualClock
from asyncendpoints.testing.conformance import ConformanceRule, Finding, conformance_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

    from asyncendpoints.stores.base import Store


@dataclass
class Order:
    """A payload."""

    item: str
    count: int


def owner_of(request: Request) -> str | None:
    """Name the owner of a request."""
    return request.headers.get("x-user")


jobs = AsyncEndpoints("memory://", owner=owner_of, concurrency=10, lease_for=15.0, queues=("default", "reports"))
other = AsyncEndpoints(MemoryStore())
with_outbox = AsyncEndpoints("redis://localhost", outbox=create_async_engine("postgresql+asyncpg://localhost/shop"))
bare = AsyncEndpoints()


@jobs.handler("order", retry=Retry(max_attempts=5, backoff=Exponential(base=2.0)), timeout=600, priority=5)
async def order(job: JobContext[Order]) -> int:
    """Use everything that a context offers."""
    assert_type(job.payload, Order)
    assert_type(job.payload.count, int)
    assert_type(job.job_id, str)
    assert_type(job.request_id, str | None)
    assert_type(job.request, StoredRequest)
    assert_type(job.deadline, float)
    assert_type(job.cancel_requested, bool)
    await job.progress(50.0, "half way", {"rows": 3})
    assert_type(await job.once("mail", send_mail), str)
    assert_type(await job.once("count", lambda: 3, on_uncertain="retry", release_on=(OSError,)), int)
    return job.payload.count


async def send_mail() -> str:
    """Be an effect."""
    return "sent"


registered: Callable[[JobContext[Order]], Coroutine[Any, Any, int]] = order


@jobs.handler
def plain(job: JobContext[list[int]]) -> Result:
    """Use the blocking twins."""
    assert_type(job.payload, list[int])
    job.from_thread.progress(10)
    assert_type(job.from_thread.once("key", lambda: "value"), str)
    return Result({"n": 1}, status_code=201, headers={"x-a": "b"}, media_type="application/json")


@jobs.handler(retry=Retry(backoff=Fixed(3)), retention=Retention(completed=60))
def nothing() -> None:
    """Take nothing."""


@jobs.handler("untyped", retry=Retry(backoff=Delays([1, 10, 60])), retention=3600)
async def untyped(job: JobContext) -> None:
    """Take any payload."""
    assert_type(job.payload, Any)


@jobs.endpoint(name="with-dependency", require_idempotency_key=True)
async def endpoint(number: int, session: Annotated[str, JobDepends(send_mail)]) -> int:
    """Be an endpoint."""
    return number


@jobs.endpoint
async def plain_endpoint(number: int) -> int:
    """Be an endpoint without a policy."""
    return number


async def use() -> None:
    """Use the facade."""
    submission = await jobs.submit("order", Order("book", 2), idempotency_key="k", delay=30.0, priority=5)
    assert_type(submission, Submission)
    assert_type(submission.replayed, bool)
    assert_type(submission.job, Job)
    by_function = await jobs.submit(order, Order("book", 2))
    assert_type(by_function, Submission)
    job = await jobs.get(submission.job.job_id)
    assert_type(job.state, Literal["scheduled", "queued", "in_progress", "completed", "failed", "canceled"])
    state: JobState = job.state
    assert_type(state, JobState)
    assert_type(job.runs, list[Run])
    assert_type(job.result, bytes | None)
    assert_type(await jobs.cancel(job.job_id), Cancellation)
    assert_type(await jobs.redrive(job.job_id), Job)
    async with AsyncSession(create_async_engine("sqlite+aiosqlite:///jobs.db")) as session:
        assert_type(await jobs.submit(order, Order("book", 2), session=session), Submission)
        assert_type(
            await jobs.submit_many(order, [Order("book", 2)], session=await session.connection()), list[Submission]
        )
    assert_type(await jobs.wait(job.job_id, timeout=3), Job)
    assert_type(current_job.get(), JobContext[Any] | None)
    async with jobs as same:
        assert_type(same, AsyncEndpoints)


async def in_tests() -> None:
    """Use what the library gives to tests."""
    async with jobs.testing() as testing:
        assert_type(testing, Testing)
        assert_type(testing.clock, VirtualClock)
        await testing.run_until_idle()
        await testing.advance(60)
    faulty = FaultyStore(MemoryStore())
    store: Store = faulty
    again: Store = MemoryStore()
    assert_type(conformance_rules(), list[ConformanceRule])
    assert_type(await conformance_rules()[0].check(lambda: store), Finding)
    assert_type(again.traits.name, str)


route = jobs.route("/orders", order, methods=["POST"], queue="reports")
assert_type(route, Route)
app = Starlette(routes=[route])
jobs.install(app)
