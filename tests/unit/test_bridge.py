"""The bridge between an event loop and the I/O thread: one wake-up for a batch, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.bridge import Bridge


class Mailbox:
    """A mailbox that the test fills."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        self.takes = 0
        self._letters: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def put(self, *answers: Any, failures: Any = (), notices: Any = ()) -> None:
        for list_, more in zip(self._letters, (answers, failures, notices), strict=True):
            list_.extend(more)
        os.write(self._write, b"1")

    def take(self) -> tuple[list[Any], list[Any], list[Any]]:
        with suppress(BlockingIOError):
            os.read(self.fd, 64)
        self.takes += 1
        letters, self._letters = self._letters, ([], [], [])
        return letters

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._write)


class Transport:
    """A transport that counts what is asked of it."""

    def __init__(self) -> None:
        self.box = Mailbox()
        self.flushes = 0
        self.listening = 0

    def mailbox(self) -> Mailbox:
        return self.box

    def flush(self) -> None:
        self.flushes += 1

    def listen_for_changes(self, _: Mailbox) -> int:
        self.listening += 1
        return 100 + self.listening


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def wake(self) -> None:
        self.heard.append("wake")

    def cancel_requested(self, job_id: str, fence: int) -> None:
        self.heard.append((job_id, fence))


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport()
    yield transport
    transport.box.close()


def make(transport: Any) -> Bridge:
    return Bridge(transport, asyncio.get_running_loop())


async def test_calls_of_one_turn_of_the_loop_are_sent_together(transport: Transport) -> None:
    """However many calls a turn makes, the I/O thread is told once, and again for those of a later turn."""
    bridge = make(transport)
    calls = [bridge.call(number) for number in range(50)]
    assert transport.flushes == 0
    await asyncio.sleep(0)
    assert transport.flushes == 1
    transport.box.put(*((number, str(number)) for number in range(50)))
    assert await asyncio.gather(*calls) == [str(number) for number in range(50)]
    assert transport.box.takes == 1
    last = bridge.call(50)
    await asyncio.sleep(0)
    assert transport.flushes == 2
    transport.box.put((50, None))
    assert await last is None
    bridge.close()


async def test_a_call_without_an_answer_raises_why(transport: Transport) -> None:
    """A failure reaches the one who called, and nobody else."""
    bridge = make(transport)
    good, bad = bridge.call(1), bridge.call(2)
    transport.box.put((1, "answer"), failures=[(2, StoreUnavailable("away"))])
    assert await good == "answer"
    with pytest.raises(StoreUnavailable, match="away"):
        await bad
    bridge.close()


async def test_whoever_gave_up_waiting_is_not_told(transport: Transport) -> None:
    """An answer to a cancelled await is dropped, and so is one to a number that nobody knows."""
    bridge = make(transport)
    given_up, failed, patient = bridge.call(1), bridge.call(2), bridge.call(3)
    given_up.cancel()
    failed.cancel()
    transport.box.put((1, "late"), (99, "unknown"), (3, "answer"), failures=[(2, StoreUnavailable("away"))])
    assert await patient == "answer"
    assert given_up.cancelled()
    bridge.close()


async def test_notices_reach_those_whom_they_concern(transport: Transport) -> None:
    """Work wakes the listeners of its queue, a cancel its worker, a change the waiters of the job."""
    bridge = make(transport)
    ear, other = Ear(), Ear()
    bridge.listeners.add("worker-1", ["default"], ear)
    bridge.listeners.add("worker-2", ["other"], other)
    waiter = bridge.waiters.add("job-1")
    transport.box.put(notices=[("ready", "default"), ("cancel", "worker-1", "job-2", 3), ("changed", "job-1")])
    await waiter.change(bridge.loop.time() + 30)
    assert ear.heard == ["wake", ("job-2", 3)]
    assert other.heard == []
    transport.box.put(notices=[("reconnected",)])
    await waiter.change(bridge.loop.time() + 30)
    assert (ear.heard[2:], other.heard) == (["wake"], ["wake"])
    bridge.close()


async def test_changes_are_listened_for_once_and_again_after_a_failure(transport: Transport) -> None:
    """Waits share one subscription; where it could not be had the next one asks again."""
    bridge = make(transport)
    first = [asyncio.create_task(bridge.hear_changes()) for _ in range(3)]
    await asyncio.sleep(0)
    transport.box.put(failures=[(101, StoreUnavailable("away"))])
    outcomes = await asyncio.gather(*first, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    second = asyncio.create_task(bridge.hear_changes())
    await asyncio.sleep(0)
    transport.box.put((102, None))
    await second
    await bridge.hear_changes()
    assert transport.listening == 2
    bridge.close()


async def test_a_closed_bridge_watches_nothing_and_lets_waiters_go(transport: Transport) -> None:
    """After the close the loop no longer watches the mailbox; what had arrived is still told."""
    bridge = make(transport)
    call = bridge.call(1)
    waiter = bridge.waiters.add("job-1")
    transport.box.put((1, "answer"))
    bridge.close()
    bridge.close()
    assert await call == "answer"
    await waiter.change(bridge.loop.time() + 30)
    assert not bridge.loop.remove_reader(transport.box.fd)


async def test_a_closed_bridge_leaves_no_caller_without_an_answer(transport: Transport) -> None:
    """Whoever still waits at the close is told of it, and so is whoever calls later."""
    bridge = make(transport)
    call = bridge.call(1)
    hearing = asyncio.create_task(bridge.hear_changes())
    await asyncio.sleep(0)
    bridge.close()
    assert bridge.is_closed
    for waiting in (call, hearing):
        with pytest.raises(StoreUnavailable, match="closed"):
            await asyncio.wait_for(waiting, 30)
    with pytest.raises(StoreUnavailable, match="closed"):
        bridge.call(2)


async def test_that_nothing_is_heard_is_logged_with_its_reason(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    """Where Redis lets nobody subscribe, the log says so."""
    bridge = make(transport)
    transport.box.put((1, None), notices=[("unheard", "no permissions")])
    with caplog.at_level(logging.WARNING, "asyncendpoints"):
        await bridge.call(1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no permissions" in caplog.text
    bridge.close()
