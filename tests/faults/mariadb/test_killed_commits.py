"""A connection that is lost in COMMIT: what it did is found out by reading, and never done twice."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from asyncendpoints._core import NewJob, Settlement, decide, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.mariadb_server import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.mariadb_server import MariadbServer

ROUNDS = 67
"""Each with three commits that are killed: 201."""


class Killer:
    """Ends the connection of a store's commits, before, during or after they are done.

    Args:
        server: Where.
        store: Whose.
    """

    def __init__(self, server: MariadbServer, store: SqlStore) -> None:
        self._admin = connect(server.url)
        # Claims have a connection of their own.
        dialects: list[Any] = [line._engine.dialect for line in (store._writes, store._claims)]
        self._commit: Callable[[Any], None] = dialects[0].do_commit
        for dialect in dialects:
            dialect.do_commit = self._do_commit
        self._moments = random.Random(11)
        self.when: str | None = None
        self.seen: Counter[str] = Counter()

    def _kill(self, number: int) -> None:
        with self._admin.cursor() as cursor, suppress(pymysql.err.OperationalError):
            # Which fails where it has gone already.
            cursor.execute(f"KILL CONNECTION {number}")

    def _do_commit(self, connection: Any) -> None:
        when, self.when = self.when, None
        if when is None:
            self._commit(connection)
            return
        number = connection.driver_connection.thread_id()
        if when == "during":
            killer = threading.Timer(self._moments.uniform(0.0, 0.003), self._kill, [number])
            killer.start()
            try:
                self._tried(when, lambda: self._commit(connection))
            finally:
                killer.join()
            return
        if when == "after":
            self._commit(connection)
        self._kill(number)
        # The answer of what was done is lost with the connection.
        self._tried(when, lambda: self._commit(connection))

    def _tried(self, when: str, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:
            self.seen[f"lost {when}"] += 1
            raise
        self.seen[f"answered {when}"] += 1

    def close(self) -> None:
        """Let go of the server."""
        self._admin.close()


@pytest.fixture
async def store(url: str) -> Any:
    store = SqlStore(url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def killer(mariadb: MariadbServer, store: SqlStore) -> Iterator[Killer]:
    killer = Killer(mariadb, store)
    yield killer
    killer.close()


async def test_a_commit_whose_connection_was_killed_is_done_once(store: SqlStore, killer: Killer) -> None:
    """SUB-3: Two hundred commits are killed: jobs are stored, claimed and ended once each, and so it is answered."""

    async def next_commit(moment: str) -> None:
        # A connection that was killed once its commit had been answered is noticed here, and another one made.
        await store.release_claim("nobody's")
        await store.pause("nobody-s", False)
        killer.when = moment

    for number in range(ROUNDS):
        moment = ("before", "during", "after")[number % 3]
        job = NewJob(job_id=new_job_id(), handler="h", scope="s", key=f"k{number}", fingerprint=b"f" * 32)
        await next_commit(moment)
        assert [answer.word for answer in await store.enqueue([job])] == ["created"]
        await next_commit(moment)
        found = await store.claim(worker="w", claim_id=new_job_id(), queues=["default"], limit=9, lease_ms=60_000)
        assert [(claim.job_id, claim.fence, claim.attempt) for claim in found.claims] == [(job.job_id, 1, 1)]
        verdict = decide("returned", attempt=1, max_attempts=3, cancel_requested=False)
        ended = Settlement(
            job_id=job.job_id, fence=1, verdict=verdict, verdict_if_canceled=verdict, nonce=7, result=b"done"
        )
        await next_commit(moment)
        assert await store.settle([ended]) == ["completed"]
        stored = await store.get(job.job_id)
        assert stored is not None
        assert (stored.state, stored.result, stored.attempt, len(stored.runs)) == ("completed", b"done", 1, 1)
        # Stored, claimed and ended: each is one change.
        assert stored.version == 3
    assert sum(killer.seen.values()) == 3 * ROUNDS
    assert killer.seen["lost before"] == 3 * len(range(0, ROUNDS, 3))
    assert killer.seen["lost after"] == 3 * len(range(2, ROUNDS, 3))
    assert (await store.stats()).counts["default"]["completed"] == ROUNDS
