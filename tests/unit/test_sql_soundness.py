"""`fsck` finds whatever does not fit in the rows of a SQL store, and changes nothing."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints._core import Backoff, NewJob, Settlement, new_job_id
from asyncendpoints.doctor import check
from asyncendpoints.stores.sql import fsck
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from pathlib import Path

    from asyncendpoints._core import Claim

HOUR = 3_600_000
_SET = "UPDATE asyncendpoints_jobs SET {} WHERE handler = '{}'"


async def _run(store: SqlStore, event: str | None, **how: object) -> Claim:
    (claim,) = (await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=9, lease_ms=HOUR)).claims
    if event is not None:
        await store.settle([Settlement.of(claim, event, nonce=1, backoff=Backoff.fixed(0), **how)])
    return claim


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a file with a job in each state, whose handler is named after it, and two of them with effects."""
    store = SqlStore(f"sqlite:///{tmp_path}/jobs.db")
    await store.open()

    async def add(handler: str, **how: Any) -> str:
        new = NewJob(job_id=new_job_id(), handler=handler, payload=b"1", max_attempts=2, **how)
        await store.enqueue([new])
        return new.job_id

    await add("completed", scope="s", key="one", fingerprint=b"f" * 32)
    await _run(store, "returned", result=b"1")
    await add("failed")
    await _run(store, "raised_final", error=b"{}")
    await store.cancel(await add("canceled"))
    await add("in_progress")
    await _run(store, "raised", error=b"{}")
    again = await _run(store, None)
    await store.reserve(again.job_id, again.fence, "mail", "n")
    await add("scheduled", delay_ms=HOUR)
    await add("queued", scope="s", key="two", fingerprint=b"f" * 32)
    await store.close()
    return tmp_path / "jobs.db"


def change(path: Path, *statements: str) -> None:
    """Do something to the file that the store would never do."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def content(path: Path) -> bytes:
    """Return the file as it is."""
    return path.read_bytes()


async def findings(path: Path) -> list[str]:
    """Return what `fsck` says of the file."""
    found = await check(SqlStore(f"sqlite:///{path}"))
    assert found.reachable, found.trouble
    assert found.exit_code == (4 if found.findings else 0)
    return found.findings


async def test_a_file_with_jobs_in_every_state_is_sound(path: Path) -> None:
    """What the store has written fits together, and looking at it changes nothing."""
    before = content(path)
    assert await findings(path) == []
    assert content(path) == before


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (_SET.format("state = 9", "queued"), r"job \S+ is in state 9, which does not exist"),
        (_SET.format("place = place + 1", "queued"), r"is queued, with the place \d+, and its rank is \d+"),
        (_SET.format("place = 7", "completed"), "is completed, with the place 7, and its rank is 0"),
        (_SET.format("priority = 5", "queued"), "is queued, with the place"),
        (_SET.format("lease_until = NULL", "in_progress"), "is in_progress, and has no lease_until"),
        (_SET.format("claim_id = NULL", "in_progress"), "is in_progress, and has no claim_id"),
        (_SET.format("lease_until = 9000000000000", "completed"), "is completed, and has a lease_until"),
        (_SET.format("finished_at = NULL", "failed"), "is failed, and has no finished_at"),
        (_SET.format("prune_at = NULL", "canceled"), "is canceled, and has no prune_at"),
        (_SET.format("finished_at = 1", "queued"), "is queued, and has a finished_at"),
        (_SET.format("strip_at = 9000000000000", "scheduled"), "is scheduled, and has a strip_at"),
        (_SET.format("cancel_requested_at = 1", "queued"), "is queued, and its cancellation was asked for"),
        (_SET.format("cancel_requested_at = NULL", "canceled"), "is canceled, and nobody has asked for it"),
        (_SET.format("fence = 0", "completed"), "is completed, and has had 1 attempts of 2 in 0 runs"),
        (_SET.format("attempt = 3", "in_progress"), "is in_progress, and has had 3 attempts of 2 in 2 runs"),
        (_SET.format("run_worker = NULL", "in_progress"), "is in_progress, and has no run_worker after 2 runs"),
        (_SET.format("run_finished_at = 1", "in_progress"), "is in_progress, and its newest run is over"),
        (_SET.format("run_outcome = NULL", "failed"), "is failed, and its newest run is not over"),
        (_SET.format("run_outcome = 1", "completed"), "is completed, and its newest run ended as error"),
        (_SET.format("settled_fence = 9", "completed"), "is completed, and run 9 was settled, of 1"),
        (_SET.format("key_digest = 'x'", "completed"), "its idempotency key is found under another one's digest"),
        (_SET.format("stripped = 1, strip_at = NULL", "completed"), "its retention is over, and its payload is there"),
        (_SET.format("result = x'31'", "failed"), "is failed, and has a result"),
        (_SET.format("prune_at = 1", "failed"), "^1 job should have been deleted more than an hour ago: does any"),
        (_SET.format("lease_until = 1", "in_progress"), "^1 job should have been rescued from workers that are gone"),
        ("UPDATE asyncendpoints_runs SET number = 2", r"^run 2 of job \S+ is kept among the earlier ones"),
        ("UPDATE asyncendpoints_runs SET outcome = NULL", r"^run 1 of job \S+ is over, and how or when"),
        ("UPDATE asyncendpoints_runs SET job_id = 'x'", "^there are runs of job x, which does not exist"),
        ("UPDATE asyncendpoints_effects SET origin = 'x'", "^there are effects of job x, and neither it"),
        ("DROP TABLE asyncendpoints_signs", "^the table asyncendpoints_signs is missing"),
        ("DROP TABLE asyncendpoints_history", "^the table asyncendpoints_history is missing"),
        ("DROP TABLE asyncendpoints_runs", "^the table asyncendpoints_runs is missing"),
        ("DROP INDEX asyncendpoints_jobs_lease", "^the index asyncendpoints_jobs_lease of the table"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_told(path: Path, statement: str, sentence: str) -> None:
    """Each invariant of the rows is looked after: what breaks it is named in a sentence."""
    change(path, statement)
    assert any(re.search(sentence, finding) for finding in await findings(path)), await findings(path)


async def test_a_key_that_has_two_jobs_is_told(path: Path) -> None:
    """Without the index that holds keys apart, two jobs of one key are found, and that it is missing."""
    change(
        path,
        "DROP INDEX asyncendpoints_jobs_key",
        _SET.format(
            "(scope, request_id, key_digest) = "
            "(SELECT scope, request_id, key_digest FROM asyncendpoints_jobs WHERE handler = 'completed')",
            "queued",
        ),
    )
    lacking, twice = await findings(path)
    assert lacking == "the index asyncendpoints_jobs_key of the table asyncendpoints_jobs is missing"
    assert re.fullmatch("the idempotency key with the digest [0-9a-f]{64} has more than one job", twice)


async def test_all_rows_are_looked_at_however_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are looked at in parts; with parts of two none is passed over, and no more is told than may be."""
    monkeypatch.setattr(fsck, "AT_ONCE", 2)
    assert await findings(path) == []
    change(path, "UPDATE asyncendpoints_jobs SET state = 9")
    assert len([finding for finding in await findings(path) if "is in state 9" in finding]) == 6
    monkeypatch.setattr(fsck, "MOST", 3)
    assert len(await findings(path)) == 3
