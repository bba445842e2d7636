"""A Redis URL says where the server is and how to use it; what cannot work is told, and the password never."""

from __future__ import annotations

import pytest

from asyncendpoints import AsyncEndpoints
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.store_urls import open_store
from asyncendpoints.stores.redis import RedisStore
from asyncendpoints.stores.redis_url import RedisAddress, parse_redis_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", RedisAddress()),
        ("redis://redis.example", RedisAddress(host="redis.example")),
        ("redis://redis.example:6380/3", RedisAddress(host="redis.example", port=6380, database=3)),
        (
            "rediss://app:s%40fe@redis.example",
            RedisAddress(host="redis.example", tls=True, username="app", password="s@fe"),
        ),
        ("redis://:word@[::1]:7000/", RedisAddress(host="::1", port=7000, password="word")),
        ("redis://localhost?db=2", RedisAddress(database=2)),
        ("unix:///run/redis.sock", RedisAddress(path="/run/redis.sock")),
        (
            "unix://u:p@/run/my%20redis.sock?db=4",
            RedisAddress(path="/run/my redis.sock", username="u", password="p", database=4),
        ),
        (
            "redis://localhost/1?namespace=shop&timeout=2.5&wait_replicas=2",
            RedisAddress(database=1, namespace="shop", timeout=2.5, wait_replicas=2),
        ),
    ],
)
def test_a_url_is_read(url: str, address: RedisAddress) -> None:
    """Every form of the URL names a server, a user, a database and how to use them."""
    assert parse_redis_url(url) == address


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("redis://localhost/one", "the database in the Redis URL must be a whole number"),
        ("redis://localhost/-1", "the database in the Redis URL must be a whole number"),
        ("redis://localhost:99999", "cannot be read"),
        ("redis://localhost?namspace=a", "'namspace' is no parameter of a Redis URL; they are namespace"),
        ("redis://localhost?timeout=1&timeout=2", "more than once"),
        ("redis://localhost?timeout=soon", "timeout in the Redis URL must be a number of seconds"),
        ("redis://localhost?timeout=0", "timeout in the Redis URL must be a number of seconds"),
        ("redis://localhost?timeout=nan", "timeout in the Redis URL must be a number of seconds"),
        ("redis://localhost?wait_replicas=all", "wait_replicas in the Redis URL must be a whole number"),
        ("redis://localhost?namespace=a%20b", "namespace in the Redis URL must be a name"),
        ("unix://run/redis.sock", "an absolute path"),
        ("unix://", "an absolute path"),
        ("redis://:a/b@localhost", "must be percent-encoded"),
        ("redis://localhost/1#2", "no part after '#'"),
        ("redis://localhost/1?db=2", "names the database twice"),
        ("http://localhost", "no scheme of a Redis URL"),
    ],
)
def test_what_cannot_work_is_told(url: str, complaint: str) -> None:
    """A URL that cannot work is refused with the part named."""
    with pytest.raises(ConfigurationError, match=complaint):
        parse_redis_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hush@localhost:x",
        "redis://u:hush@localhost?no=1",
        "redis://u:hush@localhost/x",
        "redis://:hush#x@localhost",
        "redis://:1?hush@localhost",
        "redis://:1/hush@localhost",
        "redis://:1/a@hush@localhost",
        "unix://:1?hush@/run/redis.sock",
    ],
)
def test_a_complaint_does_not_hold_the_password(url: str) -> None:
    """Neither the message nor what caused it tells the password."""
    with pytest.raises(ConfigurationError) as refused:
        parse_redis_url(url)
    assert "hush" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_store_does_not_show_its_password() -> None:
    """The store and its address can be logged."""
    store = RedisStore("rediss://app:hush@redis.example/2?namespace=shop")
    assert repr(store) == "RedisStore(rediss://redis.example:6379, database 2, namespace 'shop')"
    assert "hush" not in repr(parse_redis_url("redis://app:hush@redis.example"))
    assert str(parse_redis_url("redis://:hush@[::1]:7000/1")) == "redis://[::1]:7000, database 1"


def test_a_url_s_namespace_comes_before_the_setting_s() -> None:
    """The namespace is the URL's, else that of the settings."""
    for url, namespace in (("redis://localhost", "shop"), ("redis://localhost?namespace=mine", "mine")):
        store = open_store(url, "shop")
        assert isinstance(store, RedisStore)
        assert store.namespace == namespace
    jobs = AsyncEndpoints("redis://localhost", namespace="orders")
    assert isinstance(jobs.engine.store, RedisStore)
    assert jobs.engine.store.namespace == "orders"


def test_making_a_store_starts_nothing() -> None:
    """No thread and no connection are there before the first call, although nothing listens at the address."""
    import threading

    before = threading.active_count()
    RedisStore("redis://127.0.0.1:1")
    assert threading.active_count() == before
