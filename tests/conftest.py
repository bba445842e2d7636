"""What every test may ask for: a real Redis, and a namespace of its own there."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support.mariadb_server import MARIADB_URL, MariadbServer, own_database
from tests.support.redis_server import REDIS_URL, RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.redis_stores import RedisStores


# How long one example takes says more of the machine than of the product.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

# A shell that starts the tests in the background has them pass over these two, and they would hand that on to every
# process that they start: tests of what signals do begin with what signals do.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a Redis that no test stops: the one that the environment names, or one of this session's."""
    named = os.environ.get(REDIS_URL)
    if named:
        yield named
        return
    with RedisServer() as server:
        yield server.url()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the URL of a database of this session's, on the server that the environment names, or on its own."""
    from tests.support.postgres_server import POSTGRES_URL, PostgresServer, own_database

    with ExitStack() as stack:
        named = os.environ.get(POSTGRES_URL)
        yield stack.enter_context(own_database(named or stack.enter_context(PostgresServer()).url))


@pytest.fixture
def redis_namespace() -> str:
    """Return a namespace that nobody else uses."""
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
async def redis_stores(redis_url: str) -> AsyncIterator[RedisStores]:
    """Return a maker of Redis stores; afterwards, nothing of their jobs may be left when all have been pruned."""
    from tests.support.redis_stores import RedisStores

    stores = RedisStores(redis_url)
    yield stores
    left = await stores.leftovers()
    assert left == [], f"left behind in Redis: {left}"


@pytest.fixture(scope="session")
def mariadb_server_url() -> Iterator[str]:
    """Return the URL of a MariaDB that no test stops: the one that the environment names, or one of this session's."""
    named = os.environ.get(MARIADB_URL)
    if named:
        yield named
        return
    with MariadbServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server_url: str) -> Iterator[str]:
    """Return the URL of a database of this session's, for stores with namespaces of their own."""
    with own_database(mariadb_server_url) as url:
        yield url


@pytest.fixture
def mariadb_namespace() -> str:
    """Return a namespace that nobody else uses."""
    return f"test-{secrets.token_hex(8)}"
