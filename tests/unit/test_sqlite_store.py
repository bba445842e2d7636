"""What is particular to the SQLite store: its URL, its extra, its threads, and forks."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Any, cast

import pytest

from asyncendpoints import AsyncEndpoints, ConfigurationError, JobContext, StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.sqlite_url import parse_sqlite_url
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.scripts import run_clean

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


def _job() -> NewJob:
    return NewJob(job_id=new_job_id(), handler="h")


async def test_a_url_is_all_that_it_takes(url: str) -> None:
    """SUB-1: An application whose store is a file runs its jobs, and the next application finds them there."""
    jobs = AsyncEndpoints(url)

    @jobs.handler("double")
    async def double(job: JobContext[int]) -> int:
        return 2 * job.payload

    async with jobs:
        submission = await jobs.submit("double", 21)
        assert (await jobs.wait(submission.job.job_id, timeout=60)).result == b"42"
    store = SqlStore(url)
    await store.open()
    kept = await store.get(submission.job.job_id)
    assert kept is not None
    assert (kept.state, kept.result) == ("completed", b"42")
    await store.close()


def test_a_url_names_a_file_and_how_to_use_it() -> None:
    """Three slashes begin a relative path and four an absolute one; parameters are optional."""
    assert parse_sqlite_url("sqlite:///jobs.db").path == "jobs.db"
    address = parse_sqlite_url("sqlite:////var/my%20jobs.db?namespace=a&timeout=0.5&synchronous=full")
    assert (address.path, address.namespace, address.timeout, address.synchronous) == (
        "/var/my jobs.db",
        "a",
        0.5,
        "FULL",
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("sqlite://", "names a file"),
        ("sqlite:///", "names a file"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://jobs.db", "names a file"),
        ("sqlite:///a%00b", "null"),
        ("sqlite:///j.db?mode=ro", "'mode' is no parameter"),
        ("sqlite:///j.db?timeout=1&timeout=2", "more than once"),
        ("sqlite:///j.db?timeout=soon", "number of seconds"),
        ("sqlite:///j.db?timeout=nan", "number of seconds"),
        ("sqlite:///j.db?synchronous=off", "normal or full"),
        ("sqlite:///j.db?namespace=a/b", "namespace"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(wrong: str, why: str) -> None:
    """The error says what is wrong with the URL."""
    with pytest.raises(ConfigurationError, match=why):
        AsyncEndpoints(wrong)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Without SQLAlchemy the error says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'asyncendpoints\[sqlite\]'"):
        AsyncEndpoints(url)


async def test_a_write_that_cannot_be_done_fails_alone(url: str) -> None:
    """SUB-2: A value that the database cannot take fails its own call, and not those that are joined with it."""
    store = SqlStore(url)
    await store.open()
    await store.enqueue([_job()])
    (claim,) = (await store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=9_000)).claims
    first, second = _job(), _job()
    answers = await asyncio.gather(
        store.enqueue([first]),
        store.progress(claim.job_id, claim.fence, cast("Any", object())),
        store.enqueue([second]),
        return_exceptions=True,
    )
    assert isinstance(answers[1], Exception)
    assert not isinstance(answers[1], StoreUnavailable)
    for job in (first, second):
        assert await store.get(job.job_id) is not None
    await store.close()


async def test_what_a_canceled_claim_began_is_given_back(url: str) -> None:
    """SUB-3: A claim whose caller is gone leaves no run behind, and no attempt is spent."""
    store = SqlStore(url)
    await store.open()
    job = _job()
    await store.enqueue([job])
    claiming = asyncio.create_task(store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=9_000))
    await asyncio.sleep(0)
    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    # A write that comes after it in the line: by then the claim has been given back.
    await store.pause("other", False)
    kept = await store.get(job.job_id)
    assert kept is not None
    assert (kept.state, kept.attempt) == ("queued", 0)
    await store.close()


async def test_a_closed_store_refuses_until_it_is_opened_again(url: str) -> None:
    """After the last close every call says so; its jobs are there after the next open."""
    store = SqlStore(url)
    await store.open()
    job = _job()
    await store.enqueue([job])
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get(job.job_id)
    await store.open()
    await store.ping()
    assert await store.get(job.job_id) is not None
    await store.close()


def test_a_forked_child_has_connections_of_its_own(url: str) -> None:
    """SUB-1: Parent and child of a fork both go on with the same file, and both see what either has stored."""
    printed = run_clean(
        f"""
        import asyncio, os
        from asyncendpoints._core import NewJob, new_job_id
        from asyncendpoints.stores.sql.store import SqlStore

        store = SqlStore({url!r})

        async def add():
            await store.open()
            for _ in range(20):
                await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])

        async def count():
            print((await store.stats()).counts["default"]["queued"])
            await store.close()

        asyncio.run(add())
        child = os.fork()
        if not child:
            asyncio.run(add())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        asyncio.run(add())
        asyncio.run(count())
        """,
        dev_mode=False,
    )
    assert printed == "60\n"


def test_greenlet_is_not_needed_for_a_file(url: str) -> None:
    """The extra for SQLite is without it: an empty file is set up, and jobs run."""
    printed = run_clean(
        f"""
        import asyncio, sys
        sys.modules["greenlet"] = None
        from asyncendpoints import AsyncEndpoints

        jobs = AsyncEndpoints({url!r})

        @jobs.handler("greet")
        async def greet() -> str:
            return "hello"

        async def run():
            async with jobs:
                submission = await jobs.submit("greet")
                print((await jobs.wait(submission.job.job_id, 20)).state)

        asyncio.run(run())
        """
    )
    assert printed == "completed\n"
