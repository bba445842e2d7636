"""Holding a SQL store to a rule: it keeps it, or declares not to promise it, and its rows are sound afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.sqlite_files import unsound

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.stores.sql.store import SqlStore
    from asyncendpoints.testing.conformance import ConformanceRule

NOT_PROMISED: Final = frozenset({"lossless_wakeups", "renews_under_held_gil"})


async def assert_keeps(rule: ConformanceRule, make: Callable[[], SqlStore]) -> None:
    """Hold a store to a rule, then look at its rows."""
    made: list[SqlStore] = []

    def remembered() -> SqlStore:
        made.append(make())
        return made[-1]

    finding = await rule.check(remembered)
    assert finding.kept or rule.requires in NOT_PROMISED, finding.note
    for store in made:
        await store.open()
        found = await unsound(store)
        await store.close()
        assert found == []
