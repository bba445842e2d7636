"""What a MariaDB cannot do is said in a sentence, and fails nobody else."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreRefused, StoreUnavailable
from asyncendpoints._core import NewJob, Settlement, decide, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.mariadb_server import execute
from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.mariadb_server import MariadbServer

MIB = 1024 * 1024
PATIENCE = 30.0


@pytest.fixture
def small_packets(mariadb: MariadbServer) -> Iterator[None]:
    """Let the server take no statement of more than a MiB from those who connect from now on."""
    (packet,) = execute(mariadb.url, "SELECT @@GLOBAL.max_allowed_packet")[0]
    execute(mariadb.url, f"SET GLOBAL max_allowed_packet = {MIB}")
    yield
    execute(mariadb.url, f"SET GLOBAL max_allowed_packet = {packet}")


@pytest.mark.usefixtures("small_packets")
async def test_what_is_larger_than_a_packet_is_refused_alone(url: str) -> None:
    """SUB-2: A body that no statement can hold is refused for good; what is stored with it is stored."""
    store = SqlStore(url)
    await store.open()
    large = NewJob(job_id=new_job_id(), handler="h", payload=b"\x00" * MIB)
    # In one packet each, not together.
    fitting = [NewJob(job_id=new_job_id(), handler="h", payload=b"x" * (MIB // 2)) for _ in range(4)]
    answers = await asyncio.gather(store.enqueue(fitting), store.enqueue([large]), return_exceptions=True)
    assert isinstance(answers[1], StoreRefused)
    assert "max_allowed_packet is 1,048,576" in str(answers[1])
    assert [answer.word for answer in answers[0]] == ["created"] * 4  # pyright: ignore[reportGeneralTypeIssues]
    found = await store.claim(worker="w", claim_id="c", queues=["default"], limit=9, lease_ms=60_000)
    assert {claim.job_id for claim in found.claims} == {job.job_id for job in fitting}
    claim = found.claims[0]
    verdict = decide("returned", attempt=1, max_attempts=3, cancel_requested=False)

    def ended(result: bytes) -> Settlement:
        return Settlement(
            job_id=claim.job_id, fence=1, verdict=verdict, verdict_if_canceled=verdict, nonce=1, result=result
        )

    with pytest.raises(StoreRefused):
        await store.settle([ended(b"r" * MIB)])
    with pytest.raises(StoreRefused):
        await store.progress(claim.job_id, 1, b"p" * MIB)
    assert await store.settle([ended(b"small")]) == ["completed"]
    await store.close()


async def test_a_server_that_cannot_be_used_is_named_with_the_reason_and_without_the_password(url: str) -> None:
    """SUB-1: Nobody listens, there is no such database, the password is wrong: each is a sentence."""
    where = url.rpartition("@")[2]
    host, _, _ = where.partition("/")
    for wrong, why in (
        (f"mysql://root@127.0.0.1:{free_port()}/jobs", "nobody listens there"),
        (f"mysql://root@{host}/no_such_database", "there is no such database"),
        (f"mysql://root:secret@{where}", "it refused the user or the password"),
    ):
        with pytest.raises(StoreUnavailable, match=why) as refused:
            await SqlStore(wrong).open()
        assert "secret" not in str(refused.value)


async def test_a_server_that_stops_answering_is_given_up_and_found_again(mariadb: MariadbServer, url: str) -> None:
    """SUB-1, SUB-3: A frozen server fails calls in bounded time; when it goes on, the same call stores one job."""
    store = SqlStore(f"{url}?timeout=1&connect_timeout=1")
    await store.open()
    job = NewJob(job_id=new_job_id(), handler="h")
    mariadb.stop_answering()
    begun = time.monotonic()
    try:
        with pytest.raises(StoreUnavailable):
            await store.enqueue([job])
        assert time.monotonic() - begun < PATIENCE
    finally:
        mariadb.go_on()
    assert [answer.word for answer in await store.enqueue([job])] == ["created"]
    assert (await store.stats()).counts["default"]["queued"] == 1
    await store.close()
