"""The server may be killed and started again under load: nothing accepted is lost, and nobody has to be restarted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.faults.invariants import assert_invariants, listed
from tests.support.faults.world import World
from tests.support.postgres_server import PostgresServer

if TYPE_CHECKING:
    from pathlib import Path

    from asyncendpoints import AsyncEndpoints

RESTARTS = 3
PATIENCE = 60.0


async def _submit_until(over: asyncio.Event, jobs: AsyncEndpoints, accepted: list[str]) -> None:
    while not over.is_set():
        try:
            submission = await jobs.submit("work", 0.01)
        except StoreUnavailable:
            # It may be stored all the same; only what was accepted is counted.
            await asyncio.sleep(0.05)
        else:
            accepted.append(submission.job.job_id)


async def test_a_server_restarted_under_load_loses_no_accepted_job(tmp_path: Path) -> None:
    """SUB-1, RES-1: While the server is killed and started, every accepted job is kept, and ends in the same processes.

    The store says that it is not ready as long as the server is away, and is ready again by itself.
    """
    with PostgresServer() as server, World(server.url, tmp_path) as world:
        accepted: list[str] = []
        over = asyncio.Event()
        probe = SqlStore(f"{server.url}?connect_timeout=1", namespace=world.namespace)
        await probe.open()
        async with world.client() as jobs:
            workers = {world.worker().pid for _ in range(2)}
            submitting = [asyncio.create_task(_submit_until(over, jobs, accepted)) for _ in range(4)]
            async with asyncio.timeout(PATIENCE):
                # A worker that finds no server at its start ends, so that whoever supervises it tries again.
                while not workers <= {entry.pid for entry in world.journal.entries()}:
                    await asyncio.sleep(0.05)
            for _ in range(RESTARTS):
                before = len(accepted)
                async with asyncio.timeout(PATIENCE):
                    while len(accepted) < before + 20:
                        await asyncio.sleep(0.02)
                await asyncio.to_thread(server.kill)
                with pytest.raises(StoreUnavailable, match="PostgreSQL at "):
                    await probe.ping()
                await asyncio.to_thread(server.start)
                async with asyncio.timeout(PATIENCE):
                    while not await _is_ready(probe):
                        await asyncio.sleep(0.05)
            over.set()
            await asyncio.gather(*submitting)
            # What was refused because nobody answered may be stored all the same.
            stored = await listed(jobs)
            assert not set(accepted) - set(stored)
            await assert_invariants(jobs, list(stored), world.journal)
        await probe.close()


async def _is_ready(store: SqlStore) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True
