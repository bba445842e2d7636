"""Pages change while they are looked at, at a bounded cost, and only then."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from asyncendpoints.dashboard import Grant
from tests.http.serving import Serving, eventually
from tests.support.dashboard.world import world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = {"Accept": "text/event-stream"}


class Stream:
    """A stream as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self, name: str) -> str:
        """Return the data of the next event of a name."""
        kind, data = "", []
        async for line in self._lines:
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line:
                if kind == name:
                    return "\n".join(data)
                kind, data = "", []
        raise AssertionError(f"the stream ended before {name}")

    async def rest(self) -> list[str]:
        """Return what comes until the end."""
        return [line async for line in self._lines]


@asynccontextmanager
async def looking(http: httpx.AsyncClient, way: str) -> AsyncIterator[Stream]:
    """Look at a page's stream."""
    async with http.stream("GET", way, headers=EVENTS) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert "no-store" in answer.headers["Cache-Control"]
        yield Stream(answer)


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[tuple[Serving, Any, httpx.AsyncClient]]:
    """Serve a world."""
    app, jobs = world(**options)
    with Serving(app) as serving:
        async with httpx.AsyncClient(base_url=f"{serving.url}/ops/", timeout=30) as http:
            yield serving, jobs, http


async def test_a_page_is_told_what_has_changed():
    async with served() as (serving, jobs, http), looking(http, "jobs") as stream:
        assert "There are no jobs yet" in await stream.next("live")
        serving.call(jobs.submit("pay"))
        assert "payments" in await stream.next("live")


async def test_a_jobs_stream_ends_with_the_job():
    async with served() as (serving, jobs, http):
        job = serving.call(jobs.submit("pay")).job
        async with looking(http, f"jobs/{job.job_id}") as stream:
            assert "queued" in await stream.next("live")
            serving.call(jobs.cancel(job.job_id))
            assert "canceled" in await stream.next("live")
            await stream.next("over")


async def test_a_stream_of_a_job_that_is_deleted_says_so():
    async with served() as (serving, jobs, http):
        job = serving.call(jobs.submit("pay")).job
        async with looking(http, f"jobs/{job.job_id}") as stream:
            await stream.next("live")
            serving.call(jobs.cancel(job.job_id))
            serving.call(jobs.engine.store.delete(job.job_id))
            assert await stream.next("end") == "This is gone."


async def test_one_poller_serves_all_and_only_while_somebody_looks():
    async with served() as (serving, jobs, http):
        asked = 0
        stats = jobs.engine.store.stats

        async def counted(**options: Any) -> Any:
            nonlocal asked
            asked += 1
            return await stats(**options)

        jobs.engine.store.stats = counted
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(looking(http, "queues")) for _ in range(10)]
            for stream in streams:
                await stream.next("live")
            assert asked == 1, "ten who look at one page cost one look"
        eventually(lambda: not [task for task in serving.tasks() if "Poller" in repr(task)])


async def test_streams_end_at_a_drain():
    async with served() as (serving, jobs, http), looking(http, "") as stream:
        await stream.next("live")
        serving.soon(jobs.engine.begin_drain)
        await asyncio.wait_for(stream.rest(), 10)


async def test_streams_are_not_for_those_who_may_not_look():
    async with served(local=Grant(0)) as (_, _, http):
        answer = await http.get("queues", headers=EVENTS)
        assert answer.status_code == 403
