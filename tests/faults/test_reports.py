"""Reports of many processes into one database: none waits for another, and none is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.base import SIGN_KEPT_MS, SLOT_MS, Report
from asyncendpoints.stores.sql.reporting import REMOVED
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.sql_databases import looking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAYS = 90_000_000


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    found: str = request.getfixturevalue({"postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param])
    return f"{found}{'&' if '?' in found else '?'}namespace={new_job_id()}"


@pytest.fixture
async def stores(url: str) -> AsyncIterator[list[SqlStore]]:
    """Return six open stores, which share nothing but the database."""
    async with AsyncExitStack() as stack:
        found = [SqlStore(url) for _ in range(6)]
        for store in found:
            await store.open()
            stack.push_async_callback(store.close)
        yield found


def told(process: str, number: int, *, slot: int = 7) -> Report:
    """Return a report with a number in it."""
    return Report(process=process, card=b"%d" % number, slot=slot, history=b"%d" % number)


async def test_reports_of_many_are_kept_while_others_work(stores: list[SqlStore]) -> None:
    """Six processes report again and again, two of them under one name, among submissions: each last word stands."""

    async def live(place: int, store: SqlStore) -> None:
        for number in range(20):
            await store.report(told(f"p{place // 2 if place < 2 else place}", number), now=DAYS)
            await store.enqueue([NewJob(job_id=new_job_id(), handler="h")], now=DAYS)

    async with asyncio.timeout(60):
        await asyncio.gather(*(live(place, store) for place, store in enumerate(stores)))
    found = await stores[0].reports(since=0, now=DAYS)
    assert [(sign.process, sign.card) for sign in found.signs] == [(f"p{n}", b"19") for n in (0, 2, 3, 4, 5)]
    assert found.history == [(7, f"p{n}", b"19") for n in (0, 2, 3, 4, 5)]
    assert (await stores[0].stats(now=DAYS)).counts["default"]["queued"] == 120


async def test_a_day_of_history_goes_in_parts(stores: list[SqlStore]) -> None:
    """What a fleet that went down has left goes with the next reports, so many rows with each, the oldest first."""
    first, second, *_ = stores
    for slot in range(REMOVED + 20):
        await first.report(told("gone", slot, slot=slot), now=0)
    late = 500 * SLOT_MS + SIGN_KEPT_MS
    await second.report(told("new", 1, slot=500), now=late)
    left = await second.reports(since=0, now=late)
    assert [slot for slot, *_ in left.history] == [*range(REMOVED, REMOVED + 20), 500]
    assert [sign.process for sign in left.signs] == ["new"]
    await second.report(told("new", 2, slot=500), now=late)
    assert (await second.reports(since=0, now=late)).history == [(500, "new", b"2")]


@pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)
async def test_nobody_waits_for_whoever_removes(stores: list[SqlStore], url: str) -> None:
    """A row that another transaction has locked for its removal is left to it, and claims go on."""
    first, second, *_ = stores
    await first.report(told("old", 1), now=0)
    late = 400 * SLOT_MS
    namespace = url.rpartition("=")[2]
    driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}[url.partition(":")[0].partition("+")[0]]
    engine = looking(f"{driver}:{url.partition(':')[2].rpartition('?')[0]}")
    # As a store's own transactions, which lock rows and not what lies between them.
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        for table in ("signs", "history"):
            statement = text(f"SELECT process FROM asyncendpoints_{table} WHERE namespace = :ns FOR UPDATE")
            assert connection.execute(statement, {"ns": namespace}).all() == [("old",)]
        async with asyncio.timeout(3):
            await second.report(told("new", 1, slot=400), now=late)
            await second.enqueue([NewJob(job_id=new_job_id(), handler="h")], now=late)
    assert {sign.process for sign in (await second.reports(since=0, now=late)).signs} == {"old", "new"}
    await second.report(told("new", 1, slot=400), now=late)
    assert {sign.process for sign in (await second.reports(since=0, now=late)).signs} == {"new"}
