"""The memory store keeps every rule that concerns a store."""

from __future__ import annotations

import pytest

from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules


@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_memory_store_keeps(rule: ConformanceRule) -> None:
    """The memory store promises every rule and keeps it."""
    finding = await rule.check(MemoryStore)
    assert finding.kept, finding.note
