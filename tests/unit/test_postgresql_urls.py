"""A PostgreSQL URL says where the server is and how to use it; what cannot work is told, and the password never."""

from __future__ import annotations

import pytest

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.postgresql_url import PostgresqlAddress, parse_postgresql_url
from asyncendpoints.stores.sql.store import SqlStore


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://db/shop", PostgresqlAddress(host="db", database="shop")),
        ("postgresql+psycopg://db/shop", PostgresqlAddress(driver="psycopg", host="db", database="shop")),
        (
            "postgresql://app:s%40fe@[::1]:6432/shop?namespace=web&timeout=2.5&connect_timeout=1&prefix=q_&schema=jobs",
            PostgresqlAddress(
                host="::1",
                port=6432,
                user="app",
                password="s@fe",
                database="shop",
                namespace="web",
                timeout=2.5,
                connect_timeout=1.0,
                prefix="q_",
                schema="jobs",
            ),
        ),
        (
            "postgresql:///shop?host=/run/postgresql&sslmode=require",
            PostgresqlAddress(host="/run/postgresql", database="shop", tls=(("sslmode", "require"),)),
        ),
    ],
)
def test_a_url_is_read(url: str, address: PostgresqlAddress) -> None:
    """Every form of the URL names a server, a database and how to use them."""
    assert parse_postgresql_url(url) == address


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://db", "names one database"),
        ("postgresql://db/a/b", "names one database"),
        ("postgresql://db:x/shop", "cannot be read"),
        ("postgresql+pg8000://db/shop", "one of asyncpg, psycopg"),
        ("postgresql://db/shop?namspace=a", "'namspace' is no parameter of a PostgreSQL URL"),
        ("postgresql://db/shop?timeout=0", "timeout in the PostgreSQL URL must be a number of seconds"),
        ("postgresql://db/shop?connect_timeout=soon", "connect_timeout in the PostgreSQL URL"),
        ("postgresql://db/shop?schema=a-b", "the schema must be a name"),
        ("postgresql://db/shop?prefix=a-b", "the prefix of the tables must be a name"),
        ("postgresql://db/shop?host=/run", "where the URL has no host"),
        ("postgresql://u:a/hush@db/shop", "must be percent-encoded"),
    ],
)
def test_what_cannot_work_is_told(url: str, complaint: str) -> None:
    """A URL that cannot work is refused with the part named."""
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        parse_postgresql_url(url)
    assert "hush" not in str(refused.value)


def test_a_store_shows_no_password() -> None:
    """Neither its name nor its traits nor its engine's show the password."""
    store = SqlStore("postgresql://app:hush@db/shop")
    assert "hush" not in f"{store!r} {store.traits} {parse_postgresql_url('postgresql://app:hush@db/shop')!r}"
    assert store.traits.address == "db:5432/shop"
