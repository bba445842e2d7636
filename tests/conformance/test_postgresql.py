"""The PostgreSQL store keeps every rule that concerns a store, on a real PostgreSQL, with both of its drivers."""

from __future__ import annotations

import secrets

import pytest

from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules

NOT_PROMISED = frozenset({"lossless_wakeups", "renews_under_held_gil"})


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_postgresql_store_keeps(rule: ConformanceRule, postgres_url: str, driver: str) -> None:
    """The PostgreSQL store keeps every rule, but for those of traits that it declares not to have."""
    url = postgres_url.replace("postgresql://", f"postgresql+{driver}://")
    finding = await rule.check(lambda: SqlStore(url, namespace=secrets.token_hex(8)))
    assert finding.kept or rule.requires in NOT_PROMISED, finding.note
