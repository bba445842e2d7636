"""The rules that every store keeps, as functions to hold a store to.

A store's author writes one test:

    @pytest.mark.parametrize("rule", conformance_rules(), ids=str)
    async def test_my_store_keeps(rule: ConformanceRule) -> None:
        finding = await rule.check(MyStore)
        assert finding.kept, finding.note

A rule that a store's traits declare not to promise is reported: `finding.kept` is False, and `note` says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncendpoints.testing.conformance import (
    cancel,
    claim,
    clock,
    effects,
    idempotency,
    keeper,
    lease,
    listing,
    narrowing,
    promote,
    reports,
    retention,
    settle,
    submit,
    texts,
    waiting,
)
from asyncendpoints.testing.conformance.rule import ConformanceRule, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.testing.conformance.subject import StoreFactory

__all__ = ["ConformanceRule", "Finding", "conformance_report", "conformance_rules"]

_FILES: Final = (
    submit,
    idempotency,
    claim,
    promote,
    lease,
    keeper,
    settle,
    cancel,
    effects,
    retention,
    clock,
    listing,
    narrowing,
    reports,
    texts,
    waiting,
)


def conformance_rules() -> list[ConformanceRule]:
    """Return every rule, in the order of the documentation's chapters."""
    return [found for file in _FILES for found in vars(file).values() if isinstance(found, ConformanceRule)]


async def conformance_report(make: StoreFactory, rules: Sequence[ConformanceRule] | None = None) -> str:
    """Hold a store to rules and return one line for each: kept, broken, or not promised.

    Args:
        make: Returns a store with nothing in it, not opened yet.
        rules: Which rules; None is all of them.
    """
    lines: list[str] = []
    for rule in conformance_rules() if rules is None else rules:
        try:
            finding = await rule.check(make)
        except AssertionError as broken:
            lines.append(f"{'broken':12} {rule.name}: {broken}")
        else:
            lines.append(f"{'kept' if finding.kept else 'not promised':12} {rule.name}")
    return "\n".join(lines)
