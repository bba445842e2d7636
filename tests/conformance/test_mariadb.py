"""The SQL store keeps every rule that concerns a store on a real MariaDB, with either driver."""

from __future__ import annotations

import pytest

from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules
from tests.support.sql_conformance import assert_keeps


@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_sql_store_keeps_on_mariadb(
    rule: ConformanceRule, driver: str, mariadb_url: str, mariadb_namespace: str
) -> None:
    """The SQL store keeps every rule on MariaDB but for those of traits that it lacks, and its rows stay sound."""
    url = mariadb_url.replace("mysql://", f"mysql+{driver}://")
    await assert_keeps(rule, lambda: SqlStore(url, namespace=mariadb_namespace))
