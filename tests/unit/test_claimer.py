"""A busy worker keeps two claims and two settlements under way, an idle one asks once, and none runs too many jobs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from asyncendpoints import AsyncEndpoints, JobContext
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Claims, Settlement


class GatedStore(FaultyStore):
    """Notes the order of calls, and answers claims and settlements while their gates are open."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.seen: list[tuple[str, int]] = []
        self.gates = {"claim": asyncio.Event(), "settle": asyncio.Event()}
        self.at_once: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        for gate in self.gates.values():
            gate.set()

    def counts(self, what: str) -> list[int]:
        """Return of how many jobs the calls of this kind were."""
        return [count for kind, count in self.seen if kind == what]

    def let_through(self, what: str) -> None:
        """Answer those calls that wait now."""
        self.gates[what].set()
        self.gates[what].clear()

    async def _pass(self, what: str) -> None:
        self.under_way[what] += 1
        self.at_once[what] = max(self.at_once[what], self.under_way[what])
        await self.gates[what].wait()
        self.under_way[what] -= 1

    async def claim(self, **named: Any) -> Claims:
        """Claim, and answer when the gate is open."""
        claims = await self.inner.claim(**named)
        self.seen.append(("claim", len(claims.claims)))
        await self._pass("claim")
        return claims

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """Settle, and answer when the gate is open."""
        self.seen.append(("settle", len(settlements)))
        states = await self.inner.settle(settlements, now=now)
        await self._pass("settle")
        return states


class Handlers:
    """Running handlers, counted; they end when they are let go."""

    def __init__(self) -> None:
        self.now = self.most = self.done = 0
        self.go = asyncio.Event()
        self.go.set()


async def application(store: GatedStore, count: int, concurrency: int) -> tuple[AsyncEndpoints, Handlers]:
    """Make an application with a full queue, whose worker has not started."""
    jobs = AsyncEndpoints(store, concurrency=concurrency)
    handlers = Handlers()

    @jobs.handler
    async def work(job: JobContext[int]) -> None:
        handlers.now += 1
        handlers.most = max(handlers.most, handlers.now)
        store.seen.append(("run", job.payload))
        await handlers.go.wait()
        handlers.now -= 1
        handlers.done += 1

    await jobs.start(worker=False)
    await jobs.submit_many(work, [*range(count)])
    await jobs.stop()
    return jobs, handlers


async def turns(count: int) -> None:
    """Let the loop make some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_busy_worker_claims_again_while_the_jobs_of_another_claim_run() -> None:
    """Each claim takes half of the slots, two are under way at once, and the slots are never exceeded."""
    store = GatedStore()
    jobs, handlers = await application(store, 60, concurrency=10)
    async with jobs:
        while handlers.done < 60:
            store.gates["claim"].clear()
            await turns(5)
            store.let_through("claim")
            await turns(1)
        store.gates["claim"].set()
    assert set(store.counts("claim")) <= {0, 5}
    assert store.at_once["claim"] == 2
    assert handlers.most <= 10


async def test_settlements_do_not_wait_for_each_other() -> None:
    """The ends of one claim's runs go out although those of another's are not answered yet."""
    store = GatedStore()
    store.gates["claim"].clear()
    store.gates["settle"].clear()
    jobs, _ = await application(store, 10, concurrency=10)
    async with jobs:
        await until(lambda: store.under_way["claim"] == 1)
        store.let_through("claim")
        await until(lambda: store.counts("settle") == [5])
        store.gates["claim"].set()
        await until(lambda: store.counts("settle") == [5, 5])
        assert store.under_way["settle"] == 2
        store.gates["settle"].set()


async def test_claims_that_are_answered_at_once_fall_out_of_step() -> None:
    """The jobs of the one run, and their ends go out, before those of the other: the store has something to do."""
    store = GatedStore()
    jobs, handlers = await application(store, 40, concurrency=10)
    handlers.go.clear()
    async with jobs:
        await until(lambda: handlers.now == 10)
        store.gates["claim"].clear()
        handlers.go.set()
        await until(lambda: store.under_way["claim"] == 2)
        await until(lambda: sum(store.counts("settle")) == 10)
        before = len(store.seen)
        store.gates["claim"].set()
        await until(lambda: handlers.done == 40)
    after = [what for what, _ in store.seen[before:]]
    assert after[: after.index("settle")].count("run") == 5


async def test_an_idle_worker_makes_one_claim_for_one_job() -> None:
    """What is woken for one job does not ask a second time beside it."""
    store = GatedStore()
    jobs, _ = await application(store, 0, concurrency=10)
    async with jobs:
        await until(lambda: store.counts("claim") == [0])
        await jobs.submit("work", 1)
        await until(lambda: store.counts("settle") == [1])
        await turns(20)
        assert store.counts("claim") == [0, 1]


async def test_a_free_slot_is_filled_while_the_end_of_its_run_is_written() -> None:
    """A claim for the slot goes out with the settlement, and not after its answer."""
    store = GatedStore()
    store.gates["settle"].clear()
    jobs, handlers = await application(store, 2, concurrency=1)
    async with jobs:
        await until(lambda: handlers.done == 2)
        assert (store.under_way["settle"], handlers.most) == (2, 1)
        store.gates["settle"].set()


async def test_ends_that_cannot_be_written_keep_the_worker_from_claiming_without_end() -> None:
    """As many ended runs as there are slots may wait for their settlement; then their slots are not free."""
    store = GatedStore()
    store.gates["settle"].clear()
    jobs, handlers = await application(store, 60, concurrency=10)
    async with jobs:
        await until(lambda: handlers.done == 20)
        await turns(200)
        assert handlers.done == 20
        store.gates["settle"].set()
        await until(lambda: handlers.done == 60)


async def test_a_worker_with_very_many_slots_asks_for_no_more_than_one_call_gives() -> None:
    """A store whose calls are bounded gives fewer than that; nobody takes this for the end of the queue."""

    class BoundedStore(FaultyStore):
        async def claim(self, **named: Any) -> Claims:
            return await self.inner.claim(**{**named, "limit": min(named["limit"], 2_000)})

    jobs = AsyncEndpoints(BoundedStore(MemoryStore()), concurrency=10_000)
    begun, go = 0, asyncio.Event()

    @jobs.handler
    async def work() -> None:
        nonlocal begun
        begun += 1
        await go.wait()

    await jobs.start(worker=False)
    await jobs.submit_many(work, [None] * 5_000)
    await jobs.stop()
    async with jobs:
        await until(lambda: begun == 5_000)
        go.set()
