"""The thread that renews leases outlives whatever goes wrong in it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql import renewing
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_an_error_that_nobody_expected_ends_no_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """LSE-3a: A defect, of a driver, say, is told with its traceback, and the next turn renews again."""
    renew, turns, renewed = renewing.renew, iter(range(1_000)), threading.Event()

    def sometimes(*arguments: Any, **named: Any) -> list[str]:
        if next(turns) == 0:
            raise ValueError("a defect")
        answers = renew(*arguments, **named)
        renewed.set()
        return answers

    monkeypatch.setattr(renewing, "renew", sometimes)
    store = SqlStore(f"sqlite:///{tmp_path}/jobs.db")
    await store.open()
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    keeper = store.keeper(worker="w", lease_ms=600, max_stall_ms=60_000)
    taken = await store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=60_000)
    keeper.beat()
    keeper.hold([(claim.job_id, claim.fence, 60_000) for claim in taken.claims])
    assert renewed.wait(20), caplog.text
    assert "could not be renewed" in caplog.text
    assert "ValueError: a defect" in caplog.text
    await store.close()
