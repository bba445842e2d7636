"""A forked child uses the library as if its parent never had."""

from __future__ import annotations

import os

import pytest

from tests.support.scripts import run_clean

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PRELUDE = """
import asyncio, os, sys, threading, warnings
warnings.filterwarnings("ignore", message=".*multi-threaded.*fork")  # said since Python 3.12
from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.memory import MemoryStore

store = MemoryStore()

async def put():
    (answer,) = await store.enqueue([NewJob(job_id=new_job_id(), handler="h", payload=b"p")])
    return answer.job

async def take():
    answer = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=9, lease_ms=9000)
    return answer.claims

async def live():
    '''A whole life of a job, with somebody waiting for its end.'''
    job = await put()
    waiting = asyncio.create_task(store.wait(job.job_id, version=job.version + 1, timeout=30))
    (claim,) = await take()
    await asyncio.sleep(0)
    assert await store.settle([Settlement.of(claim, "returned", result=b"r")]) == ["completed"]
    assert (await waiting).state == "completed"

async def jobs():
    return (await store.list(JobFilter())).jobs

def in_child(work):
    '''Do it in a forked child and fail with it.'''
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_the_child_finds_its_store_empty_and_works() -> None:
    """A child finds none of its parent's jobs, can do everything, and the parent keeps what it has."""
    run_clean(
        PRELUDE
        + """
kept = asyncio.run(put())
asyncio.run(store.pause("other", True))

def child():
    assert asyncio.run(jobs()) == []
    assert asyncio.run(store.get(kept.job_id)) is None
    assert asyncio.run(store.stats()).counts == {}
    asyncio.run(live())

in_child(child)
in_child(child)
assert [job.job_id for job in asyncio.run(jobs())] == [kept.job_id]
(claim,) = asyncio.run(take())
assert claim.job_id == kept.job_id
"""
    )


def test_a_child_forked_inside_a_running_loop_runs_its_own() -> None:
    """A child that was forked by a coroutine can run a loop of its own on the same store."""
    run_clean(
        PRELUDE
        + """
async def main():
    job = await put()
    waiting = asyncio.create_task(store.wait(job.job_id, version=job.version, timeout=30))
    await asyncio.sleep(0)
    in_child(lambda: asyncio.run(live()))
    (claim,) = await take()
    assert (await waiting).state == "in_progress"

asyncio.run(main())
"""
    )


def test_the_child_tells_nobody_of_its_parents() -> None:
    """Listeners, waiters and leases of the parent are not the child's: nobody is woken there for them."""
    run_clean(
        PRELUDE
        + """
class Listener:
    pids = []
    def wake(self): self.pids.append(os.getpid())
    def cancel_requested(self, job_id, fence): self.pids.append(os.getpid())

listener = Listener()
store.subscribe("w", ["default"], listener)
keeper = store.keeper(worker="w", lease_ms=1000, max_stall_ms=60_000)

async def begin():
    await put()
    (claim,) = await take()
    keeper.hold([(claim.job_id, claim.fence, 60_000)])
    return claim

held = asyncio.run(begin())

def child():
    asyncio.run(take())
    asyncio.run(put())
    (claim,) = asyncio.run(take())
    asyncio.run(store.cancel(claim.job_id))
    assert listener.pids == []
    assert asyncio.run(store.expired(limit=9)) == []

in_child(child)
asyncio.run(store.cancel(held.job_id))
assert listener.pids == [os.getpid()]
"""
    )


def test_a_fork_amid_busy_threads_leaves_no_lock_held() -> None:
    """Children that are forked while other threads use the store never find it locked."""
    run_clean(
        PRELUDE
        + """
stop = threading.Event()

def busy():
    async def work():
        while not stop.is_set():
            job = await put()
            await store.wait(job.job_id, version=job.version, timeout=0.001)
            for claim in await take():
                await store.settle([Settlement.of(claim, "returned")])
            unsubscribe = store.subscribe("w", ["default"], None)
            unsubscribe()
            await store.strip(limit=100)
    asyncio.run(work())

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    in_child(lambda: asyncio.run(live()))
stop.set()
for thread in threads:
    thread.join()
"""
    )


def test_parent_and_child_never_make_the_same_id() -> None:
    """Ids made in the same millisecond by a parent and its children differ."""
    run_clean(
        PRELUDE
        + """
pipes = []
for _ in range(4):
    reading, writing = os.pipe()
    pipes.append(reading)
    def child():
        with os.fdopen(writing, "w") as out:
            out.write("\\n".join(new_job_id(now=1) for _ in range(100)))
    in_child(child)
    os.close(writing)
made = [new_job_id(now=1) for _ in range(100)]
for pipe in pipes:
    with os.fdopen(pipe) as ids:
        made += ids.read().split()
assert len(set(made)) == 500
"""
    )


def test_a_worker_of_multiprocessing_can_use_the_library() -> None:
    """A process that `multiprocessing` forks from a parent with a store in use has a working one."""
    run_clean(
        PRELUDE
        + """
import multiprocessing

def work(number):
    asyncio.run(live())
    return len(asyncio.run(jobs()))

asyncio.run(live())
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(count >= 1 for count in pool.map(work, range(4)))
    pool.close()
    pool.join()
assert len(asyncio.run(jobs())) == 1
"""
    )
