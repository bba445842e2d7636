"""A coroutine's processor time is counted, and not the time that it waits."""

from __future__ import annotations

import asyncio
import time

import pytest

from asyncendpoints.dashboard.costs import Counted


async def test_waiting_costs_nothing_and_computing_does():
    async def compute() -> int:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        await asyncio.wait({asyncio.ensure_future(others())})
        return 7

    async def others() -> None:
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass

    counted = Counted(compute())
    assert await counted == 7
    assert 0.05 <= counted.seconds < 0.2


async def test_a_cancellation_and_an_error_are_the_coroutines_own():
    heard: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def look() -> None:
        await Counted(wait_for_ever())

    task = asyncio.create_task(look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["cancelled"]

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await Counted(fail())
