"""A forked child uses Redis as if its parent never had: with a connection and a thread of its own."""

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
from asyncendpoints.stores.redis import RedisStore

def another():
    return RedisStore({url!r}, namespace={namespace!r})

store = another()

async def put():
    (answer,) = await store.enqueue([NewJob(job_id=new_job_id(), handler="h", payload=b"p")])
    return answer.job

async def live():
    '''A whole life of a job, with somebody waiting for its end.'''
    job = await put()
    waiting = asyncio.create_task(store.wait(job.job_id, version=job.version + 1, timeout=30))
    answer = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=1, lease_ms=9000)
    (claim,) = answer.claims
    assert await store.settle([Settlement.of(claim, "returned", result=b"r")]) == ["completed"]
    await store.get(job.job_id)
    waiting.cancel()
    return job.job_id

async def opened(work):
    await store.open()
    try:
        return await work()
    finally:
        await store.close()

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


@pytest.fixture
def prelude(redis_url: str, redis_namespace: str) -> str:
    return PRELUDE.format(url=redis_url, namespace=redis_namespace)


def test_the_child_of_a_process_that_used_redis_works(prelude: str) -> None:
    """A child sees the same jobs, can do everything, and the parent goes on as before."""
    run_clean(
        prelude
        + """
async def main():
    await store.open()
    kept = await live()

    def child():
        async def work():
            assert (await store.get(kept)).state == "completed"
            await live()
        asyncio.run(opened(work))

    in_child(child)
    in_child(child)
    await live()
    page = await store.list(JobFilter())
    assert len(page.jobs) == 4, page.jobs
    await store.close()

asyncio.run(main())
"""
    )


def test_parent_and_child_do_not_read_each_others_replies(prelude: str) -> None:
    """Both ask at once for hundreds of jobs, and each gets the ones that it asked for."""
    run_clean(
        prelude
        + """
async def check(ids):
    for _ in range(5):
        found = await asyncio.gather(*(store.get(job_id) for job_id in ids))
        assert [job.job_id for job in found] == ids

async def main():
    await store.open()
    ids = [(await put()).job_id for _ in range(200)]
    await check(ids)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                asyncio.run(opened(lambda: check(ids[::-1])))
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
        await check(ids)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    await store.close()

asyncio.run(main())
"""
    )


def test_a_fork_amid_busy_threads_leaves_nothing_locked(prelude: str) -> None:
    """Children that are forked while other threads' loops use the store find it usable."""
    run_clean(
        prelude
        + """
stop = threading.Event()

def busy():
    other = another()
    async def work():
        await other.open()
        while not stop.is_set():
            (answer,) = await other.enqueue([NewJob(job_id=new_job_id(), handler="h", queue="busy")])
            assert (await other.get(answer.job.job_id)).queue == "busy"
        await other.close()
    asyncio.run(work())

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(10):
    in_child(lambda: asyncio.run(opened(live)))
stop.set()
for thread in threads:
    thread.join()
"""
    )


def test_a_worker_of_multiprocessing_can_use_redis(prelude: str) -> None:
    """Processes that `multiprocessing` forks from one with a store in use have a working one."""
    run_clean(
        prelude
        + """
import multiprocessing

def work(number):
    return asyncio.run(opened(live))

ids = [asyncio.run(opened(live))]
with multiprocessing.get_context("fork").Pool(2) as pool:
    ids += pool.map(work, range(6))
    pool.close()
    pool.join()
assert len(set(ids)) == 7
"""
    )
