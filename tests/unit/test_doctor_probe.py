"""`asyncendpoints doctor` runs a job through, looks at the clock and the schema, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, cli
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.doctor import diagnose
from asyncendpoints.probe import HANDLER, LEFT_AFTER_MS, QUEUE, run_probe
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.memory import MemoryStore
from tests.support.later_release import later_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncendpoints.stores.base import Reports, Store


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty store, of each kind that processes share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    base: str = request.getfixturevalue("redis_url" if request.param == "redis" else "postgres_url")
    mark = "&" if "?" in base else "?"
    yield f"{base}{mark}namespace=doctor-{secrets.token_hex(6)}"


def store_of(url: str) -> Store:
    return AsyncEndpoints(url, worker=False).engine.store


async def left(store: Store) -> list[str]:
    """Return which jobs there are, or how many are counted in the probe's queue."""
    await store.open()
    try:
        counts = (await store.stats()).counts.get(QUEUE, {})
        return [job.job_id for job in (await store.list(JobFilter())).jobs] + [k for k, n in counts.items() if n]
    finally:
        await store.close()


def test_a_job_is_run_through_and_leaves_nothing_behind(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The document says how long it took, what the clock says, and which version the tables have."""
    code = cli.main(["doctor", url, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code in {0, 4}, found
    assert found["probe"]["state"] == "completed"
    assert 0 < found["probe"]["seconds"] < 15
    assert abs(found["clock_difference_ms"]) <= 1_000
    assert (found["schema"] is None) == url.startswith("redis")
    assert asyncio.run(left(store_of(url))) == []
    cli.main(["doctor", url])
    told = capsys.readouterr().out
    assert "A probe job was run through in " in told
    assert "Clock: " in told
    assert asyncio.run(left(store_of(url))) == []


def test_an_interrupted_probe_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it waits or runs when Ctrl-C comes."""

    async def interrupt(begun: asyncio.Event) -> None:
        store = store_of(url)
        await store.open()
        try:
            probing = asyncio.create_task(run_probe(store))
            await asyncio.wait_for(begun.wait(), 30)
            probing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await probing
        finally:
            await store.close()

    async def while_it_runs() -> None:
        begun = asyncio.Event()

        async def endless() -> None:
            begun.set()
            await asyncio.Event().wait()

        monkeypatch.setattr("asyncendpoints.probe._probe", endless)
        await interrupt(begun)
        assert await left(store_of(url)) == []

    asyncio.run(while_it_runs())


async def test_what_a_killed_doctor_left_is_removed_by_the_next_one() -> None:
    """But not the probe of one that still runs."""
    store = MemoryStore()
    await store.open()
    now = time.time_ns() // 1_000_000
    old, young = new_job_id(), new_job_id()
    await store.enqueue([NewJob(job_id=old, handler=HANDLER, queue=QUEUE, delay_ms=10**9)], now=now - LEFT_AFTER_MS - 1)
    await store.enqueue([NewJob(job_id=young, handler=HANDLER, queue=QUEUE, delay_ms=10**9)], now=now - 1_000)
    assert (await run_probe(store)).passed
    assert [job.job_id for job in (await store.list(JobFilter())).jobs] == [young]
    await store.close()


async def test_a_probe_that_does_not_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has paused its queue, say."""
    store = MemoryStore()
    await store.open()
    await store.pause(QUEUE, True)
    monkeypatch.setattr("asyncendpoints.probe.PATIENCE", 0.1)
    found = await diagnose(store)
    assert found.probe is not None
    assert found.probe.state == "queued"
    assert found.exit_code == 4
    assert "A probe job was still queued" in found.risks[0].what
    assert found.risks[0].remedy


@pytest.mark.parametrize(("ahead", "said"), [(5_000, "5.0 s ahead of"), (-90_000, "90.0 s behind"), (400, None)])
async def test_clocks_that_differ_are_a_finding(
    ahead: int, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one second on."""
    store = store_of(f"sqlite:///{tmp_path}/jobs.db")
    reports = store.reports

    async def shifted(*, since: int, now: int | None = None) -> Reports:
        return await reports(since=since, now=time.time_ns() // 1_000_000 + ahead)

    monkeypatch.setattr(store, "reports", shifted)
    found = await diagnose(store)
    risks = [risk.what for risk in found.risks if "clock" in risk.what]
    assert found.clock_difference_ms is not None
    assert abs(found.clock_difference_ms - ahead) < 300
    assert (said is None) == (risks == [])
    assert said is None or said in risks[0]


def test_tables_of_another_release_are_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are not touched, and the remedy is named."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    with later_release():
        assert cli.main(["migrate", url]) == 0
    capsys.readouterr()
    assert cli.main(["doctor", url]) == 4
    told = capsys.readouterr().out
    assert "The tables have version 0002, and this release needs version 0001" in told
    assert "asyncendpoints migrate" in told
