"""A worker whose queues have weights shares its free slots over them, and leaves none free while there is work."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncendpoints import AsyncEndpoints, StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.claiming import Claiming
from asyncendpoints.clock import SystemClock
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing import FaultyStore
from tests.support.running import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints._core import Claim, Claims


class Taker:
    """Takes jobs without running them, and knows what is left."""

    def __init__(self, weights: Mapping[str, int] | None, *, queues: Sequence[str] = ()) -> None:
        self.store = FaultyStore(MemoryStore())
        self.queues = tuple(weights or queues)
        self.held: list[str] = []
        self.waiting: Counter[str] = Counter()
        self.open = True
        self.claiming = Claiming(
            self.store, SystemClock(), worker="w", lease_ms=60_000, weights=weights, accept=self._accept
        )

    def _accept(self, claims: Sequence[Claim]) -> bool:
        if self.open:
            self.held += [claim.queue for claim in claims]
            self.waiting.subtract(claim.queue for claim in claims)
        return self.open

    async def put(self, **counts: int) -> None:
        """Enqueue jobs, queue after queue."""
        jobs = [NewJob(job_id=new_job_id(), handler="h", queue=queue) for queue in counts for _ in range(counts[queue])]
        if jobs:
            await self.store.enqueue(jobs)
        self.waiting.update(counts)

    async def take(self, free: int) -> Counter[str]:
        """Make one round, and return how many jobs came from each queue."""
        before = len(self.held)
        await self.claiming.take(self.queues, free)
        return Counter(self.held[before:])


async def test_without_weights_jobs_come_by_rank_over_all_queues() -> None:
    """CLM-2: The oldest first, wherever they wait, in one claim."""
    taker = Taker(None, queues=("a", "b"))
    await taker.put(a=10, b=10)
    assert await taker.take(12) == {"a": 10, "b": 2}
    assert taker.store.calls["claim"] == 1


async def test_with_weights_free_slots_are_shared() -> None:
    """However old the jobs of one queue are, the other gets its part."""
    taker = Taker({"a": 1, "b": 3})
    await taker.put(a=100, b=100)
    assert await taker.take(8) == {"a": 2, "b": 6}
    ones = [await taker.take(1) for _ in range(8)]
    assert sum(ones, Counter[str]()) == {"a": 2, "b": 6}
    assert taker.store.calls["claim"] == 2 + 8


async def test_what_one_queue_leaves_another_gets_in_one_claim_more() -> None:
    """Shares that come back short cost one further call, not one for each queue."""
    taker = Taker({"a": 1, "b": 1, "c": 2})
    await taker.put(b=20)
    assert await taker.take(8) == {"b": 8}
    assert taker.store.calls["claim"] == 3 + 1


async def test_an_empty_queue_of_a_large_weight_does_not_bend_the_shares_of_the_others() -> None:
    """The slot that it leaves goes to whose turn it is, although another queue's jobs are older."""
    taker = Taker({"a": 500, "b": 1, "c": 3})
    await taker.put(b=60, c=60)
    for _ in range(40):
        assert (await taker.take(1)).total() == 1
    assert Counter(taker.held) == {"b": 10, "c": 30}


async def test_the_earliest_due_time_of_all_queues_is_known() -> None:
    """CLM-6: An idle worker knows when the next scheduled job of any of its queues is due."""
    taker = Taker({"a": 1, "b": 1})
    for queue, delay_ms in (("a", 90_000), ("b", 30_000)):
        await taker.store.enqueue([NewJob(job_id=new_job_id(), handler="h", queue=queue, delay_ms=delay_ms)])
    taken = await taker.claiming.take(taker.queues, 5)
    assert taken.next_due_ms is not None
    assert 0 < taken.next_due_ms <= 30_000


async def test_a_claim_that_fails_leaves_the_others_to_the_worker() -> None:
    """The shares that were answered are run; the one that was not is given back with the next round (SUB-3)."""
    taker = Taker({"a": 1, "b": 1})
    await taker.put(a=2, b=2)
    taker.store.fail_after("claim")
    with pytest.raises(StoreUnavailable):
        await taker.claiming.take(taker.queues, 2)
    assert (len(taker.held), len(taker.claiming.lost)) == (1, 1)
    assert (await taker.take(3)).total() == 3
    assert taker.claiming.lost == []
    assert taker.store.calls["release_claim"] == 1


async def test_what_a_stopping_worker_does_not_take_is_given_back() -> None:
    """SHD-1: The jobs are queued again before the round is over."""
    taker = Taker({"a": 1, "b": 1})
    await taker.put(a=3, b=3)
    taker.open = False
    await taker.claiming.take(taker.queues, 4)
    counts = (await taker.store.stats()).counts
    assert {queue: states["queued"] for queue, states in counts.items()} == {"a": 3, "b": 3}


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1),
    st.lists(
        st.tuples(st.integers(1, 12), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 15))),
        min_size=1,
        max_size=25,
    ),
)
def test_no_slot_stays_free_while_any_queue_has_a_job(
    weights: dict[str, int], rounds: list[tuple[int, dict[str, int]]]
) -> None:
    """Whatever came when: a round takes as many jobs as there are slots, or all that there are."""

    async def walk() -> None:
        taker = Taker(weights)
        for free, arrivals in rounds:
            await taker.put(**{queue: count for queue, count in arrivals.items() if queue in weights})
            there = taker.waiting.total()
            assert (await taker.take(free)).total() == min(free, there)

    asyncio.run(walk())


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=2),
    st.lists(st.integers(1, 5), min_size=40, max_size=60),
    st.data(),
)
def test_queues_that_always_have_work_get_their_shares_whatever_the_others_do(
    weights: dict[str, int], rounds: list[int], data: st.DataObject
) -> None:
    """Fair and without starvation: two busy queues stay within a round's slots of their proportion."""
    busy = data.draw(st.lists(st.sampled_from(sorted(weights)), min_size=2, max_size=2, unique=True))

    async def walk() -> None:
        taker = Taker(weights)
        await taker.put(**dict.fromkeys(busy, sum(rounds)))
        for free in rounds:
            others = [queue for queue in weights if queue not in busy]
            await taker.put(**{queue: data.draw(st.integers(0, 2)) for queue in others})
            await taker.take(free)
        taken = Counter(taker.held)
        one, other = busy
        apart = taken[one] / weights[one] - taken[other] / weights[other]
        assert abs(apart) <= (max(rounds) + 1) * (1 / weights[one] + 1 / weights[other])

    asyncio.run(walk())


class SlowStore(FaultyStore):
    """Answers claims when told."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.answers: list[asyncio.Event] = []

    async def claim(self, **named: Any) -> Claims:
        """Claim now, answer later."""
        claims = await self.inner.claim(**named)
        if claims.claims:
            self.answers.append(asyncio.Event())
            await self.answers[-1].wait()
        return claims


async def test_a_slot_that_comes_free_while_a_claim_is_under_way_is_filled() -> None:
    """A run that ends before a full claim is answered leaves no slot unused until another one ends."""
    store, gates, begun = SlowStore(), [asyncio.Event() for _ in range(3)], list[int]()
    jobs = AsyncEndpoints(store, concurrency=2)

    @jobs.handler
    async def work() -> None:
        begun.append(1)
        await gates[len(begun) - 1].wait()

    async with jobs:
        await jobs.submit(work)
        await until(lambda: len(store.answers) == 1)
        store.answers[0].set()
        await until(lambda: len(begun) == 1)
        await jobs.submit(work)
        await until(lambda: len(store.answers) == 2)
        await jobs.submit(work)
        gates[0].set()
        await until(lambda: jobs.engine.worker is not None and jobs.engine.worker.running == 0)
        store.answers[1].set()
        await until(lambda: len(store.answers) == 3)
        store.answers[2].set()
        await until(lambda: len(begun) == 3)
        for gate in gates:
            gate.set()


async def test_a_worker_runs_the_jobs_of_its_queues_by_their_weights() -> None:
    """The setting reaches the worker: one slot, three jobs of one queue to each of the other."""
    jobs, order = AsyncEndpoints("memory://", concurrency=1, queues={"default": 3, "reports": 1}), list[str]()
    jobs.handler("default")(lambda: order.append("d"))
    jobs.handler("report", queue="reports")(lambda: order.append("r"))
    await jobs.start(worker=False)
    for name in ("default", "report"):
        for _ in range(8):
            await jobs.submit(name)
    await jobs.stop()
    async with jobs:
        async with asyncio.timeout(PATIENCE):
            await until(lambda: len(order) == 16)
    assert "".join(order) == "ddrdddrdddrrrrrr"
