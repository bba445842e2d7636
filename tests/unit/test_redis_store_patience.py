"""Nobody waits longer than told: not for a server that says nothing, a store that was closed, or a refusal."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer

PATIENCE = 30.0
"""Far above what an answer takes, and far below `LONG`."""
LONG = 120.0
"""Seconds that a wait or a call could take, if nothing ended it."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Return a server that the test may stall and set up as it likes."""
    with RedisServer() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with server.client() as client:
        yield client


async def until(what: str, condition: Callable[[], Any]) -> None:
    """Return once the condition holds; nobody tells of it, so it is looked at again and again."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not true within {PATIENCE} s: {what}"
        await asyncio.sleep(0.01)


def scripts_run(client: Any) -> int:
    return sum(of["calls"] for name, of in client.info("commandstats").items() if name.startswith("cmdstat_eval"))


async def open_with_a_job(url: str) -> tuple[RedisStore, str]:
    """Open a store and put a job into it."""
    store = RedisStore(url)
    await store.open()
    job = NewJob(job_id=new_job_id(), handler="work")
    await store.enqueue([job])
    return store, job.job_id


async def test_a_wait_ends_with_its_time_although_the_server_is_silent(server: RedisServer) -> None:
    """The wait's own time rules, not that of the calls that it makes."""
    store, job_id = await open_with_a_job(f"{server.url()}?timeout={LONG}")
    server.stop_answering()
    try:
        with pytest.raises(StoreUnavailable, match="in time"):
            await asyncio.wait_for(store.wait(job_id, version=1, timeout=0.5), PATIENCE)
    finally:
        server.go_on()
    await store.close()


async def test_a_wait_returns_what_it_knows_where_the_server_falls_silent(server: RedisServer, client: Any) -> None:
    """A job that was read before the silence is returned as it was."""
    store, job_id = await open_with_a_job(f"{server.url()}?timeout={LONG}")
    await store.wait(job_id, version=1, timeout=0.01)  # from here on changes are heard
    read = scripts_run(client)
    waiting = asyncio.create_task(store.wait(job_id, version=1, timeout=2.0))
    await until("the wait has read the job", lambda: scripts_run(client) > read)
    # What is asked later is answered later: the answer to the read has come.
    await store.ping()
    server.stop_answering()
    try:
        job = await asyncio.wait_for(waiting, PATIENCE)
    finally:
        server.go_on()
    assert job is not None
    assert job.version == 1
    await store.close()


@pytest.mark.parametrize("is_silent", [False, True], ids=["answering", "silent"])
@pytest.mark.parametrize("begun", [0.0, 0.002, 0.3])
async def test_a_close_ends_every_wait(server: RedisServer, begun: float, is_silent: bool) -> None:
    """However far a wait has come, and whatever the server does, it ends with the store."""
    store, job_id = await open_with_a_job(f"{server.url()}?timeout={LONG}")
    if is_silent:
        server.stop_answering()
    try:
        waiting = asyncio.create_task(store.wait(job_id, version=1, timeout=LONG))
        await asyncio.sleep(begun)
        await asyncio.wait_for(store.close(), PATIENCE)
        (left,) = await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), PATIENCE)
    finally:
        server.go_on()
    assert isinstance(left, StoreUnavailable) or getattr(left, "version", None) == 1, left


async def test_a_wait_ends_with_the_store_that_is_opened_again(server: RedisServer) -> None:
    """A store that is closed and opened again takes no wait along."""
    store, job_id = await open_with_a_job(server.url())
    waiting = asyncio.create_task(store.wait(job_id, version=1, timeout=LONG))
    await asyncio.sleep(0.3)
    await store.close()
    await store.open()
    job = await asyncio.wait_for(waiting, PATIENCE)
    assert job is not None
    assert job.state == "queued"
    await store.close()


async def test_a_missing_password_is_told_at_once(server: RedisServer, client: Any) -> None:
    """A server that asks for a password is not asked again and again without one."""
    client.config_set("requirepass", "secret")
    store = RedisStore(f"{server.url()}?timeout={LONG}")
    with pytest.raises(StoreUnavailable, match="asks for a password, and the store's URL has none"):
        await asyncio.wait_for(store.open(), PATIENCE)
    await store.close()


async def test_a_database_that_the_server_does_not_have_is_told_at_once(server: RedisServer) -> None:
    """A number beyond those that the server has is a mistake, and waiting does not mend it."""
    store = RedisStore(f"{server.url(99)}?timeout={LONG}")
    with pytest.raises(StoreUnavailable, match="has no database 99"):
        await asyncio.wait_for(store.open(), PATIENCE)
    await store.close()


class Ear:
    """A listener that does not care."""

    def wake(self) -> None:
        pass

    def cancel_requested(self, job_id: str, fence: int) -> None:
        pass


async def test_a_subscription_that_is_refused_is_logged_once(
    server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A user without rights to channels is told so, once, however often it is tried."""
    client.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "resetchannels")
    store = RedisStore(f"redis://app:secret@127.0.0.1:{server.port}")

    def tries() -> int:
        return client.info("commandstats").get("cmdstat_subscribe", {}).get("rejected_calls", 0)

    with caplog.at_level(logging.WARNING, "asyncendpoints"):
        stop = store.subscribe("worker-1", ["default"], Ear())
        await until("it was tried again", lambda: tries() >= 3)
    told = [record.getMessage() for record in caplog.records if "looked for" in record.getMessage()]
    stop()
    await store.close()
    assert len(told) == 1, told
    assert "permissions" in told[0]
