"""The PostgreSQL store keeps every rule that concerns a store, on a real PostgreSQL, with both of its drivers."""

from __future__ import annotations

import secrets

import pytest

from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules
from tests.support.sql_conformance import assert_keeps


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_postgresql_store_keeps(rule: ConformanceRule, postgres_url: str, driver: str) -> None:
    """The PostgreSQL store keeps every rule but for those of traits that it declares not to have, and stays sound."""
    url = postgres_url.replace("postgresql://", f"postgresql+{driver}://")
    await assert_keeps(rule, lambda: SqlStore(url, namespace=secrets.token_hex(8)))
