"""The suite for stores finds what is broken, and tells what is not promised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import ConfigurationError
from asyncendpoints.stores.memory import TRAITS, MemoryStore
from asyncendpoints.testing import FaultyStore
from asyncendpoints.testing.conformance import ConformanceRule, conformance_report, conformance_rules
from asyncendpoints.testing.conformance.rule import rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Claims
    from asyncendpoints.stores.base import StoreTraits
    from asyncendpoints.testing.conformance.subject import Subject


class Modest(MemoryStore):
    """A store that promises less than it keeps."""

    @property
    def traits(self) -> StoreTraits:
        """Declare what is not promised."""
        return replace(TRAITS, name="modest", renews_under_held_gil=False, lossless_wakeups=False)


class Greedy(MemoryStore):
    """A store that claims more than it is asked for."""

    async def claim(
        self,
        *,
        worker: str,
        claim_id: str,
        queues: Sequence[str],
        limit: int,
        lease_ms: int,
        now: int | None = None,
    ) -> Claims:
        return await super().claim(
            worker=worker, claim_id=claim_id, queues=queues, limit=limit + 1, lease_ms=lease_ms, now=now
        )


def named(name: str) -> ConformanceRule:
    """Return the rule of this name."""
    return next(one for one in conformance_rules() if one.name == name)


@pytest.mark.parametrize("rule", conformance_rules(), ids=str)
async def test_a_faulty_store_that_is_told_nothing_is_the_store_that_it_wraps(rule: ConformanceRule) -> None:
    """The wrapper passes everything through, so that only what a test asks for goes wrong."""
    finding = await rule.check(lambda: FaultyStore(MemoryStore()))
    assert finding.kept, finding.note


async def test_what_a_store_does_not_promise_is_told() -> None:
    """A rule that the traits take back is neither tried nor passed over: the finding says why."""
    finding = await named("lse_3b_a_held_gil_does_not_stop_renewal").check(Modest)
    assert not finding.kept
    assert finding.note == "LSE-3b not promised by modest (renews_under_held_gil is not among its traits)"
    untried = [one.name for one in conformance_rules() if one.requires and not (await one.check(Modest)).kept]
    assert untried == [one.name for one in conformance_rules() if one.requires]
    assert len(untried) >= 4


async def test_a_store_that_breaks_a_rule_is_told_which_and_how() -> None:
    """A broken store fails with the rule's own words."""
    with pytest.raises(AssertionError, match="three: expected 3, got 4"):
        await named("clm_5_a_claim_never_takes_more_than_it_asks_for").check(Greedy)


async def test_the_report_has_a_line_for_every_rule() -> None:
    """A report says of every rule that it is kept, broken, or not promised."""

    class GreedyAndModest(Greedy, Modest):
        """Both at once."""

    rules = [
        named("clm_3_run_now_makes_a_scheduled_job_due"),
        named("clm_5_a_claim_never_takes_more_than_it_asks_for"),
        named("lse_3b_a_held_gil_does_not_stop_renewal"),
    ]
    assert await conformance_report(GreedyAndModest, rules) == (
        "kept         clm_3_run_now_makes_a_scheduled_job_due\n"
        "broken       clm_5_a_claim_never_takes_more_than_it_asks_for: three: expected 3, got 4\n"
        "not promised lse_3b_a_held_gil_does_not_stop_renewal"
    )


def test_every_rule_says_its_number_and_one_sentence() -> None:
    """A rule's name begins with its number, no two have one name, and a rule without a sentence is refused."""
    rules = conformance_rules()
    assert len({one.name for one in rules}) == len(rules) >= 100
    for one in rules:
        assert one.name.startswith(one.number.lower().replace("-", "_") + "_")

    async def nameless(_: Subject) -> None:
        """Something is true."""

    with pytest.raises(ConfigurationError, match="must read"):
        rule()(nameless)
