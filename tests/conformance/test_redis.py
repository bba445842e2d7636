"""The Redis store keeps every rule that concerns a store, on a real Redis, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asyncendpoints.testing.conformance import ConformanceRule, conformance_rules

if TYPE_CHECKING:
    from tests.support.redis_stores import RedisStores


@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_the_redis_store_keeps(rule: ConformanceRule, redis_stores: RedisStores) -> None:
    """The Redis store keeps every rule, but for those of notifications that are never lost, which it does not promise.

    What it promises instead is tried in `tests/faults/redis`.
    """
    finding = await rule.check(redis_stores.make)
    assert finding.kept or rule.requires == "lossless_wakeups", finding.note
