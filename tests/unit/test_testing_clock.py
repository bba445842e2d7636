"""The virtual clock stands still until it is moved, and then makes the calls that fall due."""

from __future__ import annotations

import asyncio

import pytest

from asyncendpoints.testing import VirtualClock
from asyncendpoints.testing.clock import EPOCH


async def _turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_it_stands_where_it_was_set() -> None:
    """It stands still, however long the test takes."""
    clock = VirtualClock()
    assert (clock.now, clock.store_now(), clock.monotonic()) == (EPOCH, EPOCH, 0.0)
    clock.advance(1.5)
    assert (clock.now, clock.monotonic()) == (EPOCH + 1_500, 1.5)


def test_seconds_are_rounded_up_to_the_millisecond() -> None:
    """Floating-point noise adds no millisecond, and a part of one is a whole one."""
    clock = VirtualClock()
    assert clock.after(0.1 + 0.2) == EPOCH + 300
    assert clock.after(0.0001) == EPOCH + 1
    assert clock.after(0) == EPOCH


async def test_calls_come_in_the_order_of_their_times() -> None:
    """Calls come when the clock has passed their time, the earlier ones first, and equal ones as they were made."""
    clock = VirtualClock()
    made: list[str] = []
    for name, delay in (("b", 2.0), ("a", 1.0), ("c", 2.0), ("d", 3.0)):
        clock.call_later(delay, lambda name=name: made.append(name))
    assert clock.next_call == EPOCH + 1_000
    clock.advance(2.0)
    await _turn()
    assert made == ["a", "b", "c"]
    clock.advance(0.999)
    await _turn()
    assert made == ["a", "b", "c"]
    clock.advance(0.001)
    await _turn()
    assert made == ["a", "b", "c", "d"]
    assert clock.next_call is None


async def test_a_canceled_call_never_comes() -> None:
    """A canceled call does not come, not even when its time had come already."""
    clock = VirtualClock()
    made: list[str] = []
    early = clock.call_later(1.0, lambda: made.append("early"))
    late = clock.call_later(1.0, lambda: made.append("late"))
    early.cancel()
    clock.advance(1.0)
    late.cancel()
    await _turn()
    assert made == []


async def test_a_call_without_delay_comes_by_itself() -> None:
    """A call that is due already needs no move of the clock."""
    clock = VirtualClock()
    called = asyncio.Event()
    clock.call_later(0, called.set)
    clock.call_later(-1, called.set)
    await asyncio.wait_for(called.wait(), 10)
    assert clock.next_call is None


def test_it_never_goes_back() -> None:
    """Moving it back is refused."""
    clock = VirtualClock()
    with pytest.raises(ValueError, match="never goes back"):
        clock.move_to(EPOCH - 1)
