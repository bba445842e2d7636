"""A started process tells the store what it is and what it has counted, again and again, and that it goes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from asyncendpoints import AsyncEndpoints
from asyncendpoints._core import __version__
from asyncendpoints.observability.reports import REPORT_EVERY, Card, SlotCounts, decode_card, decode_counts
from asyncendpoints.reporter import AGES_EVERY
from asyncendpoints.stores.base import SLOT_MS
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from asyncendpoints.testing.clock import VirtualClock

if TYPE_CHECKING:
    import pytest

    from asyncendpoints.stores.base import Reports


class World:
    """An application whose engine goes by a clock that the test moves, and what its store was told."""

    def __init__(self, **settings: Any) -> None:
        self.store = FaultyStore(MemoryStore())
        self.clock = VirtualClock()
        self.jobs = AsyncEndpoints(self.store, **settings)
        self.jobs.engine.clock = self.clock

        @self.jobs.handler(queue="slow")
        async def work() -> None: ...

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and let everything happen that falls due."""
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            await self.turns()

    async def turns(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def told(self) -> Reports:
        store = self.store.inner
        await store.open()  # it may have been closed with the engine
        try:
            return await store.reports(since=0, now=self.clock.now)
        finally:
            await store.close()

    async def card(self) -> Card | None:
        signs = (await self.told()).signs
        return decode_card(signs[0].card) if signs else None

    async def counts(self) -> dict[int, SlotCounts]:
        found: dict[int, SlotCounts] = {}
        for slot, _, body in (await self.told()).history:
            counts = decode_counts(body)
            assert counts is not None
            assert slot not in found, "one process has one history of a slot"
            found[slot] = counts
        return found


async def test_a_process_says_what_it_is_as_soon_as_it_has_started_and_not_when_it_has_gone() -> None:
    world = World(concurrency=7)
    async with world.jobs:
        await world.turns()
        card = await world.card()
        assert card is not None
        assert (card.host, card.pid, card.version) == (socket.gethostname(), os.getpid(), __version__)
        worker = world.jobs.engine.worker
        assert worker is not None
        assert (card.worker, card.queues, card.handlers, card.slots) == (worker.name, ["slow"], ["work"], 7)
        world.jobs.engine.begin_drain()
        await world.pass_time(2 * REPORT_EVERY)
        card = await world.card()
        assert card is not None
        assert card.draining
    assert await world.card() is None


async def test_a_process_that_only_takes_submissions_says_so() -> None:
    world = World(worker=False)
    async with world.jobs:
        await world.turns()
        card = await world.card()
        assert card is not None
        assert (card.worker, card.slots, card.queues) == (None, 0, [])


async def test_what_was_counted_stays_when_the_process_has_gone() -> None:
    world = World()
    async with world.jobs:
        for _ in range(3):
            await world.jobs.submit("work")
        await world.pass_time(2 * REPORT_EVERY)
        await world.jobs.submit("work")
        await world.turns()
    (counts,) = (await world.counts()).values()
    work = counts.endpoints["work"]["slow"]
    assert (work.created, work.attempts, work.ended) == (4, {"completed": 4}, {"completed": 4})
    assert (sum(work.ran.values()), sum(work.waited.values())) == (4, 4)


async def test_each_slot_has_what_was_counted_in_it() -> None:
    world = World()
    slot_s = SLOT_MS / 1000
    async with world.jobs:
        await world.jobs.submit("work")
        await world.pass_time(slot_s + 2 * REPORT_EVERY)
        await world.jobs.submit("work")
        await world.jobs.submit("work")
        await world.pass_time(3 * slot_s)
        await world.jobs.submit("work")
    counted = [counts.endpoints["work"]["slow"].created for _, counts in sorted((await world.counts()).items())]
    assert counted == [1, 2, 1]


async def test_a_process_that_starts_again_tells_nothing_twice() -> None:
    world = World()
    for _ in range(2):
        async with world.jobs:
            await world.jobs.submit("work")
            await world.pass_time(REPORT_EVERY)
    bodies = [decode_counts(body) for _, _, body in (await world.told()).history]
    assert [body.endpoints["work"]["slow"].created for body in bodies if body is not None] == [1, 1]


async def test_a_report_whose_answer_was_lost_counts_nothing_twice() -> None:
    """SUB-3: What is told again takes the place of what was told before."""
    world = World()
    async with world.jobs:
        await world.turns()
        await world.jobs.submit("work")
        world.store.fail_after("report", 3)
        await world.pass_time(6 * REPORT_EVERY)
    (counts,) = (await world.counts()).values()
    assert counts.endpoints["work"]["slow"].created == 1


async def test_counts_of_a_slot_that_could_not_be_told_are_told_when_the_store_is_back() -> None:
    world = World()
    async with world.jobs:
        await world.turns()
        await world.jobs.submit("work")
        world.store.fail_before("report", 1_000)
        await world.pass_time(2 * SLOT_MS / 1000)
        assert await world.counts() == {}
        world.store.heal()
        await world.pass_time(2 * REPORT_EVERY)
        total = sum(counts.endpoints["work"]["slow"].created for counts in (await world.counts()).values())
        assert total == 1


async def test_a_store_that_does_not_answer_is_logged_once_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "asyncendpoints.reporter")
    world = World()
    async with world.jobs:
        await world.turns()
        world.store.fail_before("report", 5)
        await world.pass_time(20 * REPORT_EVERY)
        assert world.store.faults == 5
        assert await world.card() is not None
        job = await world.jobs.submit("work")
        await world.turns()
        assert (await world.jobs.get(job.job.job_id)).state == "completed"
    said = [record.levelname for record in caplog.records if record.name == "asyncendpoints.reporter"]
    assert said == ["WARNING", "INFO"], "one line when it begins, and one when it is over"


async def test_a_store_that_fails_at_the_end_keeps_no_process_from_ending() -> None:
    world = World()
    async with world.jobs:
        await world.turns()
        world.store.hold("report")
    assert not world.jobs.engine.started


async def test_the_age_of_the_oldest_job_is_seen_and_the_store_seldom_asked() -> None:
    world = World(queues=("other",))
    async with world.jobs:
        await world.jobs.submit("work")
        await world.pass_time(3 * AGES_EVERY)
        asked = world.store.calls["stats"]
        assert 2 <= asked <= 4
        seen = max(counts.oldest_ms.get("slow", 0) for counts in (await world.counts()).values())
        assert seen >= 1000 * AGES_EVERY


async def test_a_store_without_reports_goes_without() -> None:
    """Stores of other makers may be older than reports."""

    class Older(MemoryStore):
        report = None  # type: ignore[assignment]

    jobs = AsyncEndpoints(Older())
    async with jobs:
        assert jobs.engine.measures.reporter is None
