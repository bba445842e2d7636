"""One memory store serves every event loop and thread of its process, and keeps nothing for those who left."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from asyncendpoints._core import Claim, Job

PATIENCE = 30.0


async def put(store: MemoryStore) -> Job:
    """Store a job."""
    (answer,) = await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    assert answer.job is not None
    return answer.job


async def take(store: MemoryStore, *, limit: int = 100, worker: str = "w", now: int | None = None) -> list[Claim]:
    """Claim."""
    answer = await store.claim(
        worker=worker, claim_id=new_job_id(), queues=["default"], limit=limit, lease_ms=1000, now=now
    )
    return answer.claims


class Elsewhere:
    """A thread with an event loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it there and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))


class Ear:
    """A listener that counts."""

    def __init__(self) -> None:
        self.woken: list[int] = []
        self.canceled: list[tuple[str, int]] = []

    def wake(self) -> None:
        """Remember the thread."""
        self.woken.append(threading.get_ident())

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """Remember the run."""
        self.canceled.append((job_id, fence))


async def waiting(store: MemoryStore, job: Job, *, count: int = 1) -> list[asyncio.Task[Job | None]]:
    """Begin waits for the job's next version, and let them get as far as they go."""
    tasks = [asyncio.create_task(store.wait(job.job_id, version=job.version, timeout=PATIENCE)) for _ in range(count)]
    await asyncio.sleep(0)
    assert len(store._waiters) >= count
    return tasks


async def test_a_wait_on_one_loop_ends_by_a_change_on_another() -> None:
    """A coroutine that waits on one loop is told of a change that another loop's thread makes."""
    store = MemoryStore()
    with Elsewhere() as there:
        job = await put(store)
        (here,) = await waiting(store, job)
        await there.run(take(store))
        seen = await here
        assert seen is not None
        assert seen.state == "in_progress"

        began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        here_loop = asyncio.get_running_loop()

        async def wait_there() -> Job | None:
            there.loop.call_soon(here_loop.call_soon_threadsafe, began.set_result, None)
            return await store.wait(job.job_id, version=seen.version, timeout=PATIENCE)

        task = asyncio.create_task(there.run(wait_there()))
        await began
        assert await store.progress(job.job_id, 1, b"half")
        found = await task
        assert found.progress == b"half"
    assert len(store._waiters) == 0


async def test_every_waiter_of_a_job_is_told_of_one_change() -> None:
    """Many waits for one job, on several loops, all end with its next change."""
    store = MemoryStore()
    job = await put(store)
    with Elsewhere() as one, Elsewhere() as two:
        tasks = await waiting(store, job, count=20)
        for there in (one, two):
            tasks += await there.run(waiting(store, job, count=20))
        await take(store)

        async def all_of(there: list[asyncio.Task[Job | None]]) -> list[Job | None]:
            return await asyncio.gather(*there)

        found = await all_of(tasks[:20])
        found += await one.run(all_of(tasks[20:40]))
        found += await two.run(all_of(tasks[40:]))
    assert [each and each.state for each in found] == ["in_progress"] * 60
    assert len(store._waiters) == 0


async def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    """However threads interleave, a wait for a version above the last never sleeps through the change."""
    store = MemoryStore()
    job = await put(store)
    (claim,) = await take(store)

    def change() -> None:
        for number in range(300):
            asyncio.run(store.progress(claim.job_id, claim.fence, str(number).encode()))

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        version, last = job.version, b""
        while last != b"299":
            found = await store.wait(job.job_id, version=version, timeout=PATIENCE)
            assert found is not None
            assert found.version > version
            version, last = found.version, found.progress or b""
        changing.result()


class Bell:
    """Wakes the worker of one loop, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.rung = asyncio.Event()

    def wake(self) -> None:
        """Ring."""
        with suppress(RuntimeError):  # a loop that is closed has nobody left to wake
            self._loop.call_soon_threadsafe(self.rung.set)

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """Nobody cancels."""


async def test_loops_in_threads_share_the_work_and_run_nothing_twice() -> None:
    """Workers on four loops claim from one store; each job is run once, and each submitter sees its end."""
    store = MemoryStore()
    claimed: list[str] = []
    bells: list[Bell] = []
    ready, over = threading.Barrier(5), threading.Event()

    async def work(name: str) -> None:
        bell = Bell()
        bells.append(bell)
        stop = store.subscribe(name, ["default"], bell)
        ready.wait()
        while not over.is_set():
            bell.rung.clear()
            while claims := await take(store, limit=3, worker=name):
                claimed.extend(claim.job_id for claim in claims)
                await store.settle([Settlement.of(claim, "returned") for claim in claims])
            await bell.rung.wait()
        stop()

    def run(name: str) -> None:
        asyncio.run(work(name))

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(run, f"w{number}") for number in range(4)]
        await asyncio.to_thread(ready.wait)
        jobs = [await put(store) for _ in range(200)]
        ended = await asyncio.gather(
            *(store.wait(job.job_id, version=job.version + 1, timeout=PATIENCE) for job in jobs)
        )
        over.set()
        for bell in bells:
            bell.wake()
        await asyncio.gather(*map(asyncio.wrap_future, runs))
    assert {each and each.state for each in ended} == {"completed"}
    assert sorted(claimed) == sorted(job.job_id for job in jobs)
    assert len(store._listeners) == 0


@pytest.mark.parametrize("leave", ["timeout", "cancel"])
async def test_whoever_leaves_leaves_nothing_behind(leave: str) -> None:
    """After a timeout or a cancellation no waiter and no watcher of the job is left."""
    store = MemoryStore()
    job = await put(store)
    if leave == "timeout":
        found = await store.wait(job.job_id, version=job.version, timeout=0.01)
        assert found is not None
        assert found.version == job.version
    else:
        tasks = await waiting(store, job, count=5)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
    assert len(store._waiters) == 0
    told: list[list[str]] = []
    store._waiters.wake = told.append  # type: ignore[assignment, method-assign]
    await take(store)
    assert told == []


def test_a_loop_that_was_closed_amid_a_wait_disturbs_nobody() -> None:
    """A change that concerns a coroutine of a closed loop is no error for whoever makes it."""
    store = MemoryStore()
    loop = asyncio.new_event_loop()
    job = loop.run_until_complete(put(store))
    abandoned = store.wait(job.job_id, version=job.version, timeout=PATIENCE)
    task = loop.create_task(abandoned)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert len(asyncio.run(take(store))) == 1
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is abandoned on purpose
    del task
    with pytest.raises(asyncio.CancelledError):
        abandoned.throw(asyncio.CancelledError)
    assert len(store._waiters) == 0


async def test_listeners_are_woken_for_their_queues_until_they_stop() -> None:
    """A listener hears of each of its queues once an operation, of its worker's cancels, and nothing after it stops."""
    store = MemoryStore()
    ear, other = Ear(), Ear()
    stop = store.subscribe("w", ["default", "reports", "default"], ear)
    stop_other = store.subscribe("v", ["mail"], other)
    await store.claim(worker="w", claim_id="c", queues=["default", "reports"], limit=9, lease_ms=1000)
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h", queue=queue) for queue in ("default", "reports")])
    assert len(ear.woken) == 1
    (claim,) = await take(store)
    await store.cancel(claim.job_id)
    assert (ear.canceled, other.woken, other.canceled) == ([(claim.job_id, claim.fence)], [], [])
    stop()
    stop()
    await take(store)
    await put(store)
    assert len(ear.woken) == 1
    stop_other()
    assert len(store._listeners) == 0


async def test_closing_lets_those_who_wait_go_and_keeps_the_jobs() -> None:
    """A closed store answers held waits, refuses calls, and has its jobs when it is opened again."""
    store = MemoryStore()
    job = await put(store)
    (task,) = await waiting(store, job)
    await store.close()
    await store.close()
    seen = await task
    assert seen is not None
    assert seen.state == "queued"
    calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
        store.ping,
        lambda: put(store),
        lambda: take(store),
        lambda: store.get(job.job_id),
        lambda: store.wait(job.job_id, version=0, timeout=1),
        lambda: store.list(JobFilter()),
        store.stats,
        lambda: store.expired(limit=1),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="closed"):
            await call()
    await store.open()
    await store.ping()
    assert [claim.job_id for claim in await take(store)] == [job.job_id]


async def test_a_store_is_freed_when_nobody_uses_it() -> None:
    """A store that was used, waited on and listened to is freed by the garbage collector."""
    store = MemoryStore()
    job = await put(store)
    await store.wait(job.job_id, version=job.version, timeout=0.01)
    store.subscribe("w", ["default"], Ear())
    store.keeper(worker="w", lease_ms=1, max_stall_ms=1)
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None


NOW = 1_767_225_600_000


async def held(store: MemoryStore, *, timeout_ms: int = 60_000) -> tuple[Claim, Any]:
    """Claim a job at NOW and let a keeper hold it; leases last 1 s, and a stall 5 s."""
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")], now=NOW)
    (claim,) = await take(store, now=NOW)
    keeper = store.keeper(worker="w", lease_ms=1000, max_stall_ms=5000)
    keeper.hold([(claim.job_id, claim.fence, timeout_ms)])
    return claim, keeper


async def lost(store: MemoryStore, after_ms: int) -> list[str]:
    """Return which jobs a sweep finds expired so long after NOW."""
    return [run.job_id for run in await store.expired(limit=10, now=NOW + after_ms)]


async def test_the_sweep_renews_what_its_own_process_holds() -> None:
    """LSE-3b: A held run is never found expired, however late the sweep comes, while its keeper beats."""
    store = MemoryStore()
    claim, keeper = await held(store)
    for after_ms in (4000, 8000, 12_000, 59_000):
        keeper.beat(now=NOW + after_ms)
        assert await lost(store, after_ms) == []
    job = await store.get(claim.job_id)
    assert job is not None
    assert job.lease_until == NOW + 60_000
    assert job.version == 2


async def test_on_a_virtual_clock_a_run_past_its_timeout_is_not_renewed() -> None:
    """LSE-4: Time that a test moves by hand brings a run past its timeout, and its lease runs out."""
    store = MemoryStore()
    claim, keeper = await held(store, timeout_ms=3000)
    keeper.beat(now=NOW + 3000)
    assert await lost(store, 3000) == []
    keeper.beat(now=NOW + 3001)
    assert await lost(store, 3001) == []
    keeper.beat(now=NOW + 4001)
    assert await lost(store, 4001) == [claim.job_id]


async def test_on_a_virtual_clock_a_silent_keeper_renews_nothing() -> None:
    """LSE-4: A keeper that has not beaten for longer than `max_stall` of virtual time lets its leases run out."""
    store = MemoryStore()
    claim, keeper = await held(store)
    assert await lost(store, 5000) == []
    assert await lost(store, 6001) == [claim.job_id]
    keeper.beat(now=NOW + 6001)
    assert await lost(store, 6001) == []


async def test_a_keeper_keeps_no_run_that_is_over() -> None:
    """A run that was settled, dropped, or whose keeper is closed is not held any more."""
    store = MemoryStore()
    claim, keeper = await held(store)
    await store.settle([Settlement.of(claim, "returned")], now=NOW)
    assert await lost(store, 100) == []
    assert not keeper._held
    dropped, keeper = await held(store)
    keeper.drop([(dropped.job_id, dropped.fence)])
    keeper.drop([(dropped.job_id, dropped.fence)])
    assert await lost(store, 1001) == [dropped.job_id]
    left, keeper = await held(store)
    await keeper.close()
    await keeper.close()
    assert left.job_id in await lost(store, 1001)
    assert len(store._keepers) == 2
