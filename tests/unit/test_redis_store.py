"""The Redis store on a real server: what is joined, what is told, what is given up, and what a close leaves."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import valkey

from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer, free_port
from tests.support.redis_stores import RedisStores

PATIENCE = 30.0


def new_job(**fields: Any) -> NewJob:
    return NewJob(job_id=new_job_id(), handler="work", **fields)


async def claim(store: RedisStore, claim_id: str = "claim-1", **how: Any) -> list[Any]:
    how = {"worker": "worker-1", "queues": ["default"], "limit": 100, "lease_ms": 15_000, **how}
    return (await store.claim(claim_id=claim_id, **how)).claims


async def until(what: str, condition: Callable[[], Any]) -> None:
    """Return once the condition holds; nobody tells of it, so it is looked at again and again."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not true within {PATIENCE} s: {what}"
        await asyncio.sleep(0.005)


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.wakes = 0
        self.cancels: list[tuple[str, int]] = []

    def wake(self) -> None:
        self.wakes += 1

    def cancel_requested(self, job_id: str, fence: int) -> None:
        self.cancels.append((job_id, fence))


@pytest.fixture
async def store(redis_stores: RedisStores) -> AsyncIterator[RedisStore]:
    store = redis_stores.make()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def client(redis_url: str) -> Any:
    with valkey.Valkey.from_url(redis_url, decode_responses=True) as client:
        yield client


def scripts_run(client: Any) -> int:
    return sum(of["calls"] for name, of in client.info("commandstats").items() if name.startswith("cmdstat_eval"))


def heard(client: Any, store: RedisStore, channel: str) -> bool:
    name = f"{{{store.namespace}.0}}:db0:{channel}"
    return dict(client.pubsub_numsub(name))[name] > 0


async def test_submissions_of_one_turn_are_one_script(store: RedisStore, client: Any) -> None:
    """Fifty submissions at the same time are one call of a script, and each gets its own answer."""
    jobs = [new_job() for _ in range(50)]
    await store.enqueue([new_job()])
    before = scripts_run(client)
    answers = await asyncio.gather(*(store.enqueue([job]) for job in jobs))
    assert scripts_run(client) == before + 1
    assert [answer.job.job_id for (answer,) in answers] == [job.job_id for job in jobs]


async def test_a_flushed_script_is_sent_again(store: RedisStore, client: Any) -> None:
    """SCRIPT FLUSH is noticed by nobody: the call brings the text of its script."""
    for _ in range(5):
        client.script_flush()
        (answer,) = await store.enqueue([new_job()])
        assert answer.word == "created"


async def test_a_claim_that_nobody_waits_for_is_released(store: RedisStore) -> None:
    """A cancelled claim is never sent, or gives back what it began; either way it charges nothing."""
    await store.enqueue([new_job()])
    task = asyncio.create_task(claim(store, "claim-lost"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(PATIENCE):
        number = 0
        while not (again := await claim(store, f"claim-{number}")):
            number += 1
    assert [run.attempt for run in again] == [1]


async def test_a_hundred_cancelled_awaits_mix_no_answers_up(store: RedisStore) -> None:
    """Whatever is cancelled meanwhile, every answer belongs to its question."""
    jobs = [new_job() for _ in range(100)]
    await store.enqueue(jobs)
    tasks = [asyncio.create_task(store.get(job.job_id)) for job in jobs]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    for number, (job, answer) in enumerate(zip(jobs, found, strict=True)):
        if number % 2:
            assert not isinstance(answer, BaseException)
            assert answer is not None
            assert answer.job_id == job.job_id
        else:
            assert isinstance(answer, asyncio.CancelledError)


async def test_a_worker_is_told_of_work_and_of_cancels(store: RedisStore, client: Any) -> None:
    """Work in its queue and the cancel of its run reach a worker, and nothing of others does."""
    ear, other = Ear(), Ear()
    stop = store.subscribe("worker-1", ["default"], ear)
    stop_other = store.subscribe("worker-2", ["other"], other)
    await until("the worker is heard for", lambda: heard(client, store, "worker:worker-1"))
    assert await claim(store, "claim-0") == []
    before, before_other = ear.wakes, other.wakes
    await store.enqueue([new_job()])
    await until("the worker is woken", lambda: ear.wakes > before)
    (run,) = await claim(store)
    await store.cancel(run.job_id)
    await until("the worker is told", lambda: ear.cancels)
    assert ear.cancels == [(run.job_id, run.fence)]
    assert (other.wakes, other.cancels) == (before_other, [])
    stop()
    stop()
    stop_other()
    await until("nobody listens any more", lambda: not heard(client, store, "worker:worker-1"))


async def test_a_wait_is_told_of_a_change_before_it_polls(store: RedisStore) -> None:
    """A change by another store is told to whoever waits, at once and not at the next look."""
    other = RedisStore(repr_url(store), namespace=store.namespace)
    await other.open()
    (answer,) = await store.enqueue([new_job()])
    assert answer.job is not None
    job = answer.job
    # The first wait of a process subscribes; from then on changes are heard.
    await store.wait(job.job_id, version=job.version, timeout=0.01)
    took: list[float] = []
    for _ in range(3):
        waiting = asyncio.create_task(store.wait(job.job_id, version=job.version, timeout=PATIENCE))
        await asyncio.sleep(0.02)
        started = time.monotonic()
        (run,) = await claim(other, f"claim-{job.version}")
        changed = await waiting
        took.append(time.monotonic() - started)
        assert changed is not None
        assert changed.state == "in_progress"
        await other.settle([Settlement.of(run, "released", 1)])
        found = await store.get(job.job_id)
        assert found is not None
        job = found
    assert min(took) < 0.5, took
    await other.close()


def repr_url(store: RedisStore) -> str:
    address = store._address
    return f"redis://{address.host}:{address.port}/{address.database}"


async def test_a_server_that_is_not_there_is_told_after_the_timeout() -> None:
    """Nobody waits for ever: after the timeout the caller is told where no server is, and never the password."""
    port = free_port()
    store = RedisStore(f"redis://app:hush@127.0.0.1:{port}?timeout=0.3")
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port} cannot be reached") as told:
        await store.open()
    assert time.monotonic() - started >= 0.3
    assert "hush" not in str(told.value)
    await store.close()


async def test_a_server_that_comes_back_answers_what_was_asked_meanwhile() -> None:
    """A submission waits for a restart of the server, and is made once."""
    with RedisServer() as server:
        store = RedisStore(f"{server.url()}?timeout=20", namespace="comes-back")
        await store.open()
        await store.ping()
        server.kill()
        submission = asyncio.create_task(store.enqueue([new_job()]))
        await asyncio.sleep(0.1)
        assert not submission.done()
        await asyncio.to_thread(server.restart)
        (answer,) = await submission
        assert answer.word == "created"
        assert (await store.stats()).counts["default"]["queued"] == 1
        await store.close()


async def test_missing_replicas_are_told_although_the_job_is_stored(redis_url: str, redis_namespace: str) -> None:
    """With `wait_replicas` a submission that no replica confirms says so, and that the job is stored."""
    store = RedisStore(f"{redis_url}?timeout=0.5&wait_replicas=1", namespace=redis_namespace)
    await store.open()
    assert store.traits.durability.startswith("An accepted job is held by 1 replica too")
    job = new_job()
    with pytest.raises(StoreUnavailable, match="the job is stored, but 0 of the 1 replicas"):
        await store.enqueue([job])
    assert await store.get(job.job_id) is not None
    await store.cancel(job.job_id)
    assert await store.delete(job.job_id)
    await store.close()


async def test_a_closed_store_refuses_and_goes_on_when_opened_again(redis_stores: RedisStores) -> None:
    """After the last `close` nothing is left running, and `open` finds the jobs again."""
    before = threading.active_count()
    store = redis_stores.make()
    await store.open()
    await store.open()
    job = new_job()
    await store.enqueue([job])
    waiting = asyncio.create_task(store.wait(job.job_id, version=1, timeout=PATIENCE))
    await store.close()
    assert await store.get(job.job_id) is not None
    await asyncio.sleep(0.05)
    await store.close()
    left = await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), PATIENCE)
    assert isinstance(left[0], StoreUnavailable) or (left[0] is not None and left[0].state == "queued")
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()
    assert threading.active_count() == before
    await store.open()
    assert await store.get(job.job_id) is not None
    await store.close()


def test_event_loops_share_a_store(redis_stores_url: str, redis_namespace: str) -> None:
    """Two loops in two threads, and one after another has ended, use one store."""
    store = RedisStore(redis_stores_url, namespace=redis_namespace)
    jobs = [new_job() for _ in range(40)]
    errors: list[BaseException] = []

    def work(mine: list[NewJob]) -> None:
        async def submit() -> None:
            await asyncio.gather(*(store.enqueue([job]) for job in mine))
            for job in mine:
                assert await store.get(job.job_id) is not None
                await store.cancel(job.job_id)
                assert await store.delete(job.job_id)

        try:
            asyncio.run(submit())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(jobs[start::4],)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    work(jobs[3::4])
    assert errors == []
    asyncio.run(store.close())


@pytest.fixture
def redis_stores_url(redis_url: str) -> str:
    return redis_url


async def test_a_server_that_may_evict_jobs_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """At the opening, a policy that may delete jobs is told, with the remedy."""
    with RedisServer() as server:
        with server.client() as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        store = RedisStore(server.url(), namespace="evicts")
        with caplog.at_level(logging.WARNING, "asyncendpoints"):
            await store.open()
        await store.close()
    assert "maxmemory-policy is allkeys-lru" in caplog.text
    assert "noeviction" in caplog.text
