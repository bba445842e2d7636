"""Calls of `once` with one key within one run take turns, wherever they come from, and none waits for itself."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest

from asyncendpoints import JobContext, Retry
from tests.support.running import PATIENCE, ended, problem, running

ONCE = Retry(max_attempts=1)


async def test_an_effect_that_asks_for_its_own_key_is_refused() -> None:
    """RuntimeError at the inner call, on the loop, in a task of it and in a thread; other keys may be nested."""
    async with running() as jobs:

        @jobs.handler(timeout=5, retry=ONCE)
        async def on_loop(job: JobContext[None]) -> Any:
            async def again() -> Any:
                return await job.once("key", lambda: 1)

            return await job.once("key", again)

        @jobs.handler(timeout=5, retry=ONCE)
        async def in_task(job: JobContext[None]) -> Any:
            async def again() -> Any:
                return (await asyncio.gather(job.once("key", lambda: 1)))[0]

            return await job.once("key", again)

        @jobs.handler(timeout=5, retry=ONCE)
        def in_thread(job: JobContext[None]) -> Any:
            return job.from_thread.once("key", lambda: job.from_thread.once("key", lambda: 1))

        @jobs.handler(timeout=5, retry=ONCE)
        async def other(job: JobContext[None]) -> Any:
            async def inner() -> Any:
                return await job.once("inner", lambda: 1)

            return await job.once("outer", inner), await job.once("inner", lambda: 2)

        for handler in (on_loop, in_task, in_thread):
            detail = problem(await ended(jobs, handler))["detail"]
            assert detail == "RuntimeError: the effect 'key' calls once() with its own key, and would wait for itself"
        assert (await ended(jobs, other)).result == b"[1,1]"


@pytest.mark.parametrize("on_uncertain", ["fail", "retry"])
async def test_two_threads_of_one_handler_run_an_effect_once(on_uncertain: Literal["fail", "retry"]) -> None:
    """EFF-1: The second one waits for the first and gets its value, also where it would retry an uncertain one."""
    inside, gate = threading.Event(), threading.Event()
    ran: list[int] = []
    async with running() as jobs:

        def effect() -> int:
            ran.append(1)
            inside.set()
            assert gate.wait(PATIENCE)
            return len(ran)

        @jobs.handler(retry=ONCE)
        def work(job: JobContext[None]) -> list[int]:
            def call() -> int:
                return job.from_thread.once("key", effect, on_uncertain=on_uncertain)

            with ThreadPoolExecutor(2) as pool:
                first = pool.submit(call)
                assert inside.wait(PATIENCE)
                second = pool.submit(call)
                asked.set()
                return [first.result(), second.result()]

        asked = threading.Event()
        job_id = (await jobs.submit(work)).job.job_id
        assert await asyncio.to_thread(asked.wait, PATIENCE)
        gate.set()
        assert ((await jobs.wait(job_id, PATIENCE)).result, len(ran)) == (b"[1,1]", 1)


async def test_an_effect_that_failed_lets_the_next_call_have_its_turn() -> None:
    """Whether it raised, gave its reservation back or returned what is not JSON, nobody waits for ever."""
    async with running() as jobs:

        @jobs.handler(timeout=5, retry=ONCE)
        async def work(job: JobContext[None]) -> list[str]:
            seen: list[str] = []
            for key, effect in (("raises", lambda: 1 // 0), ("opaque", object)):
                for _ in range(2):
                    try:
                        await job.once(key, effect)
                    except Exception as error:
                        seen.append(type(error).__name__)
            for _ in range(2):
                try:
                    await job.once("released", lambda: 1 // 0, release_on=(ZeroDivisionError,))
                except ZeroDivisionError:
                    seen.append("released")
            return seen

        job = await ended(jobs, work)
        assert job.result == (
            b'["ZeroDivisionError","EffectUncertain","ResultNotSerializable","EffectUncertain","released","released"]'
        )
