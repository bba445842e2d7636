"""The Redis store reaches its server by a socket in the file system, and by TLS with certificates that it checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from asyncendpoints import JobContext
from asyncendpoints.app import AsyncEndpoints
from asyncendpoints.errors import ConfigurationError, StoreUnavailable
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.redis_tls import TlsRedis, tls_redis, write_certificates
from tests.support.running import ended

TOLD_WITHIN = 60.0
"""The time-out of calls: far above what an answer takes, so that a refusal is seen to come before it."""


async def run_a_job(url: str) -> None:
    """Submit a job over a store's URL, and see a worker complete it."""
    jobs = AsyncEndpoints(url)

    @jobs.handler("greet")
    async def greet(job: JobContext[str]) -> str:
        return f"hello {job.payload}"

    async with jobs:
        job = await ended(jobs, "greet", "you")
    assert (job.state, job.result) == ("completed", b'"hello you"'), job.error


async def refusal(url: str) -> str:
    """Return what a store says that is not let in."""
    store = RedisStore(url)
    try:
        with pytest.raises(StoreUnavailable) as refused:
            await store.open()
    finally:
        await store.close()
    return str(refused.value)


async def test_a_job_goes_through_a_socket_in_the_file_system(tmp_path: Path) -> None:
    """`unix://` leads to the server's socket, and `db` to the database."""
    socket = tmp_path / "redis.sock"
    with RedisServer(options=["--unixsocket", str(socket)]) as server:
        await run_a_job(f"unix://{socket}?db=1")
        with server.client() as client:
            assert set(client.info("keyspace")) == {"db1"}


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsRedis]:
    with tls_redis(tmp_path) as server:
        yield server


@pytest.fixture
def mutual_tls(tmp_path: Path) -> Iterator[TlsRedis]:
    with tls_redis(tmp_path, asks_clients=True) as server:
        yield server


async def test_a_job_goes_through_tls_with_an_authority_of_its_own(tls: TlsRedis) -> None:
    """`ca` names the authorities that are trusted."""
    await run_a_job(tls.url(timeout=TOLD_WITHIN, ca="ca.pem"))


async def test_another_authority_is_refused_at_once(tls: TlsRedis) -> None:
    """A server whose certificate another authority has signed is not spoken to, and that is told in a sentence."""
    said = await refusal(tls.url(timeout=TOLD_WITHIN, ca="other-ca.pem"))
    assert said.startswith("Redis refuses: invalid peer certificate"), said


async def test_without_an_authority_the_systems_are_trusted(tls: TlsRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `ca` the system's authorities decide: a private one is not among them until the system says so."""
    assert "invalid peer certificate" in await refusal(tls.url(timeout=TOLD_WITHIN))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.folder / "ca.pem"))
    await run_a_job(tls.url(timeout=TOLD_WITHIN))


async def test_a_client_shows_its_certificate(mutual_tls: TlsRedis) -> None:
    """`cert` and `key` let a client in where the server asks for them."""
    await run_a_job(mutual_tls.url(timeout=TOLD_WITHIN, ca="ca.pem", cert="client.pem", key="client.key"))


@pytest.mark.parametrize("shown", [{}, {"cert": "stranger.pem", "key": "stranger.key"}])
async def test_a_client_without_a_certificate_is_not_let_in(mutual_tls: TlsRedis, shown: dict[str, str]) -> None:
    """A server that asks for certificates refuses those without one, and with another authority's, in a sentence."""
    said = await refusal(mutual_tls.url(timeout=TOLD_WITHIN, ca="ca.pem", **shown))
    assert said.startswith("Redis refuses: received fatal alert"), said


def test_files_that_cannot_work_are_told(tmp_path: Path) -> None:
    """A file that is not there, that holds no certificate, and that holds half of one: each is named."""
    write_certificates(tmp_path)
    (tmp_path / "empty.pem").touch()
    whole = (tmp_path / "ca.pem").read_text()
    (tmp_path / "half.pem").write_text(whole[: len(whole) // 2])
    for parameters, complaint in (
        ({"ca": "none.pem"}, r"'ca' in the Redis URL names cannot be read: .*none\.pem \(No such file or directory\)"),
        ({"cert": "none.pem", "key": "client.key"}, "'cert' in the Redis URL names cannot be read"),
        ({"cert": "client.pem", "key": "none.key"}, "'key' in the Redis URL names cannot be read"),
        ({"ca": "empty.pem"}, "`ca` holds no certificate"),
        ({"cert": "client.key", "key": "client.key"}, "`cert` holds no certificate"),
        ({"ca": "half.pem"}, "root certificate"),
        ({"cert": "client.pem", "key": "client.pem"}, "private key"),
    ):
        files = urlencode({name: str(tmp_path / file) for name, file in parameters.items()})
        with pytest.raises(ConfigurationError, match=complaint):
            RedisStore(f"rediss://redis.example?{files}")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("redis://localhost?ca=/ca.pem", "'ca' in the Redis URL needs rediss://"),
        ("unix:///run/redis.sock?cert=/c&key=/k", "'cert' in the Redis URL needs rediss://"),
        ("rediss://localhost?cert=/c", "belong together"),
        ("rediss://localhost?key=/k", "belong together"),
    ],
)
def test_parameters_that_do_not_fit_are_told(url: str, complaint: str) -> None:
    """Certificates belong to TLS, and a certificate to its key."""
    with pytest.raises(ConfigurationError, match=complaint):
        RedisStore(url)
