"""The SQLite store keeps every rule that concerns a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules
from tests.support.sql_conformance import assert_keeps

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_sqlite_store_keeps(rule: ConformanceRule, tmp_path: Path) -> None:
    """The SQLite store keeps every rule, but for those of traits that it declares not to have, and stays sound."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    await assert_keeps(rule, lambda: SqlStore(url))
