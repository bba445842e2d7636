"""Several processes share one database: each job is given to one of them, and set-up is done once."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.postgres_server import own_database
from tests.support.scripts import run_clean

if TYPE_CHECKING:
    from tests.support.postgres_server import PostgresServer

PROCESSES = 4
JOBS = 2_000


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_processes_that_claim_at_once_get_each_job_once(server: PostgresServer, driver: str) -> None:
    """CLM-1: Four processes empty two queues together: no job is begun twice, and none is left behind."""
    namespace = secrets.token_hex(8)
    url = server.url.replace("postgresql://", f"postgresql+{driver}://")
    store = SqlStore(url, namespace=namespace)
    await store.open()
    new = [NewJob(job_id=new_job_id(), handler="h", queue=f"q{number % 2}") for number in range(JOBS)]
    await store.enqueue(new)
    source = f"""
    import asyncio, json, os
    from asyncendpoints.stores.sql.store import SqlStore

    async def main():
        store = SqlStore({url!r}, namespace={namespace!r})
        await store.open()
        taken, empty = [], 0
        # What others have locked is passed over, so that one empty answer need not be the end.
        while empty < 3:
            claim_id = f"{{os.getpid()}} {{len(taken)}} {{empty}}"
            found = await store.claim(
                worker=str(os.getpid()), claim_id=claim_id, queues=["q0", "q1"], limit=7, lease_ms=600_000
            )
            taken += [(claim.job_id, claim.fence) for claim in found.claims]
            empty = 0 if found.claims else empty + 1
        print(json.dumps(taken))
        await store.close()

    asyncio.run(main())
    """
    with ThreadPoolExecutor(PROCESSES) as pool:
        printed = list(pool.map(lambda _: run_clean(source, dev_mode=False), range(PROCESSES)))
    taken = [tuple(claim) for each in printed for claim in json.loads(each)]
    assert sorted(taken) == sorted((job.job_id, 1) for job in new)
    counts = (await store.stats()).counts
    assert [counts[queue]["in_progress"] for queue in ("q0", "q1")] == [JOBS // 2, JOBS // 2]
    await store.close()


async def test_processes_that_start_at_once_set_up_one_database(server: PostgresServer) -> None:
    """SUB-1: Eight processes, each of a namespace of its own, open an empty database, and all of them can use it."""
    with own_database(server.url) as url:
        source = f"""
        import asyncio, os
        from asyncendpoints._core import NewJob, new_job_id
        from asyncendpoints.stores.sql.store import SqlStore

        async def main():
            store = SqlStore({url!r}, namespace=f"n{{os.getpid()}}")
            await store.open()
            await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
            print((await store.stats()).counts["default"]["queued"])
            await store.close()

        asyncio.run(main())
        """
        with ThreadPoolExecutor(8) as pool:
            printed = list(pool.map(lambda _: run_clean(source, dev_mode=False), range(8)))
    assert printed == ["1\n"] * 8


async def test_a_worker_is_woken_by_what_another_process_submits(server: PostgresServer) -> None:
    """CLM-6: A submission elsewhere starts long before the worker would have looked by itself."""
    namespace = secrets.token_hex(8)
    jobs = AsyncEndpoints(server.url, namespace=namespace)

    @jobs.handler("h")
    async def handle() -> int:
        return 1

    elsewhere = SqlStore(server.url, namespace=namespace)
    await elsewhere.open()
    waits: list[int] = []
    async with jobs:
        for _ in range(9):
            job = NewJob(job_id=new_job_id(), handler="h")
            await elsewhere.enqueue([job])
            ended = await elsewhere.wait(job.job_id, version=2, timeout=60)
            assert ended is not None
            assert ended.started_at is not None
            waits.append(ended.started_at - ended.created_at)
    # It looks every two seconds or so: most of nine submissions would wait for longer than this.
    assert sorted(waits)[len(waits) // 2] < 500
    await elsewhere.close()
