"""The store and its outbox, where it has one, seen as one: jobs are in the store, or on their way there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import Cancellation
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.relay import move_now
from asyncendpoints.stores.outbox import Transactional

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import Outbox

BLINK: Final = 0.1
"""Seconds between two looks for a job that is on its way to the store."""


async def open_all(store: Store, outbox: Outbox | None) -> None:
    """Open both, or neither."""
    await store.open()
    if outbox is not None:
        try:
            await outbox.open()
        except BaseException:
            await store.close()
            raise


async def close_all(store: Store, outbox: Outbox | None) -> None:
    """Close both."""
    try:
        if outbox is not None:
            await outbox.close()
    finally:
        await store.close()


def transactional(store: Store, outbox: Outbox | None) -> Transactional:
    """Return what stores jobs in a transaction of the user's.

    Raises:
        ConfigurationError: Nothing does.
    """
    if outbox is not None:
        return outbox
    if isinstance(store, Transactional):
        return store
    raise ConfigurationError(
        f"session= stores the job in a transaction of your database, and the {store.traits.name} store is none: name "
        "the database as AsyncEndpoints(…, outbox=engine), keep the jobs in it, or submit without a session after the "
        "commit"
    )


async def find(store: Store, outbox: Outbox | None, job_id: str, *, now: int | None) -> Job | None:
    """Return a job, or None; one that is still on its way is shown as it will be stored."""
    job = await store.get(job_id)
    if job is not None or outbox is None:
        return job
    found = await outbox.find(job_id, now=now)
    if found is None:
        # It may have been moved in between; it leaves the outbox after it has come to the store.
        return await store.get(job_id)
    return await store.get(found) if isinstance(found, str) else found


def watch(
    store: Store,
    outbox: Outbox | None,
    job_id: str,
    *,
    version: int,
    timeout: float,
    now: int | None,
) -> Coroutine[Any, Any, Job | None]:
    """Return what waits for a job: until its version is above `version` or it is done, or for `timeout` seconds."""
    if outbox is None:
        return store.wait(job_id, version=version, timeout=timeout)
    return _watch_both(store, outbox, job_id, version=version, timeout=timeout, now=now)


async def _watch_both(
    store: Store,
    outbox: Outbox,
    job_id: str,
    *,
    version: int,
    timeout: float,  # noqa: ASYNC109 (a long poll)
    now: int | None,
) -> Job | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        left = max(deadline - loop.time(), 0.0)
        job = await store.wait(job_id, version=version, timeout=left)
        if job is not None:
            return job
        found = await outbox.find(job_id, now=now)
        if isinstance(found, str):
            return await store.wait(found, version=version, timeout=left)
        if found is None:
            return await store.get(job_id)
        if found.done or found.version > version or left == 0.0:
            return found
        await asyncio.sleep(min(BLINK, left))


async def cancel(store: Store, outbox: Outbox | None, job_id: str, *, now: int | None) -> Cancellation:
    """Cancel a job; one that is still on its way is brought to the store first."""
    answer = await store.cancel(job_id, now=now)
    if answer.word != "missing" or outbox is None:
        return answer
    known = await move_now(store, outbox, job_id, now=now)
    answer = await store.cancel(known, now=now)
    kept = await outbox.find(job_id, now=now) if answer.word == "missing" else None
    # One that the store has refused has failed, and is to be found in the outbox alone.
    return answer if kept is None or isinstance(kept, str) else Cancellation("refused", kept)
