"""A commit that nobody answered was done or not done, and the store finds out which (SUB-3)."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING

import pytest

from asyncendpoints._core import NewJob, Settlement, decide, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.faults.rounds import rounds
from tests.support.postgres_proxy import Fate, PostgresProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres_server import PostgresServer

ROUNDS = rounds(usual=67, campaign=500)
"""Three commits are interrupted in each."""


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[PostgresProxy]:
    with PostgresProxy(server.url) as running:
        yield running


def _settlement(job_id: str, fence: int, nonce: int) -> Settlement:
    return Settlement(
        job_id=job_id,
        fence=fence,
        nonce=nonce,
        verdict=decide("returned", attempt=1, max_attempts=3),
        verdict_if_canceled=decide("returned", attempt=1, max_attempts=3, cancel_requested=True),
        result=b"1",
    )


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_an_unanswered_commit_is_looked_for_and_never_done_twice(proxy: PostgresProxy, driver: str) -> None:
    """SUB-3: With its commit interrupted, each job is stored once, begun once and settled once, and told so.

    Each submission, claim and settlement is interrupted: some never reach the server, some are done and not answered,
    and of some the server's process is ended in the middle.
    """
    url = proxy.url.replace("postgresql://", f"postgresql+{driver}://")
    store = SqlStore(url, namespace=secrets.token_hex(8))
    await store.open()
    fates = itertools.cycle([Fate.UNANSWERED, Fate.UNSENT, Fate.UNANSWERED, Fate.KILLED])
    made: list[str] = []
    for number in range(ROUNDS):
        job = NewJob(job_id=new_job_id(), handler="h", scope="s", key=f"k{number}", fingerprint=b"f" * 32)
        made.append(job.job_id)
        proxy.arm(next(fates))
        assert [answer.word for answer in await store.enqueue([job])] == ["created"]
        proxy.arm(next(fates))
        taken = await store.claim(worker="w", claim_id=f"c{number}", queues=["default"], limit=9, lease_ms=600_000)
        assert [(claim.job_id, claim.fence) for claim in taken.claims] == [(job.job_id, 1)]
        proxy.arm(next(fates))
        assert await store.settle([_settlement(job.job_id, 1, number + 1)]) == ["completed"]
    assert proxy.interrupted == 3 * ROUNDS
    for job_id in made:
        kept = await store.get(job_id)
        assert kept is not None
        # Stored, begun, settled: each is one version.
        assert (kept.state, kept.version, len(kept.runs)) == ("completed", 3, 1)
    assert (await store.stats()).counts["default"]["completed"] == ROUNDS
    await store.close()
