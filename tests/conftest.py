"""What every test may ask for: a real Redis, and a namespace of its own there."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support.redis_server import REDIS_URL, RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.redis_stores import RedisStores


# How long one example takes says more of the machine than of the product.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a Redis that no test stops: the one that the environment names, or one of this session's."""
    named = os.environ.get(REDIS_URL)
    if named:
        yield named
        return
    with RedisServer() as server:
        yield server.url()


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
