"""Slots are shared in proportion to weights, whether they come one by one or many at once."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncendpoints.weights import Shares

WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1)
SMALL = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12), min_size=1)


def turns(shares: Shares, slots: int, empty: frozenset[str] = frozenset()) -> list[str]:
    """Return who gets each of some slots that come one by one, where some queues have no work."""
    order: list[str] = []
    while len(order) < slots:
        ((queue, count),) = shares.split(1).items()
        assert count == 1
        if queue in empty:
            shares.account({}, {queue})
        else:
            shares.account({queue: 1}, ())
            order.append(queue)
    return order


def check_fair(taken: Counter[str], weights: dict[str, int]) -> None:
    """No two queues could come nearer to their weights by handing a job over: Webster's condition."""
    for one, other in combinations(weights, 2):
        apart = Fraction(taken[one], weights[one]) - Fraction(taken[other], weights[other])
        assert abs(apart) <= Fraction(1, 2 * weights[one]) + Fraction(1, 2 * weights[other])


@pytest.mark.parametrize(
    ("weights", "order"),
    [({"a": 3, "b": 1}, "aabaaaba"), ({"a": 1, "b": 1}, "abababab"), ({"a": 5, "b": 2, "c": 1}, "abaacaba")],
)
def test_turns_are_spread_evenly(weights: dict[str, int], order: str) -> None:
    """A queue of a small weight comes in the midst of the others, not after all of theirs."""
    assert "".join(turns(Shares(weights), len(order))) == order


@given(WEIGHTS, st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_however_slots_come_each_queue_is_as_near_to_its_share_as_it_can_be(
    weights: dict[str, int], rounds: list[int]
) -> None:
    """After every round, of one slot or of thousands, the jobs taken are in proportion to the weights."""
    shares, taken = Shares(weights), Counter[str]()
    for slots in rounds:
        plan = shares.split(slots)
        assert sum(plan.values()) == slots
        shares.account(plan, ())
        taken.update(plan)
        check_fair(taken, weights)


@given(SMALL, st.integers(1, 60))
def test_many_slots_at_once_go_where_they_would_go_one_by_one(weights: dict[str, int], slots: int) -> None:
    """The split of n slots is what n splits of one slot add up to."""
    assert Shares(weights).split(slots) == Counter(turns(Shares(weights), slots))


@given(SMALL, st.data())
def test_empty_queues_leave_their_slots_to_the_others_in_proportion(
    weights: dict[str, int], data: st.DataObject
) -> None:
    """Queues without work change nothing in how those with work are to each other."""
    empty = data.draw(st.frozensets(st.sampled_from(sorted(weights)), max_size=len(weights) - 1))
    taken = Counter(turns(Shares(weights), 200, empty))
    check_fair(taken, {queue: weight for queue, weight in weights.items() if queue not in empty})


@given(SMALL, st.data())
def test_a_queue_that_has_work_again_neither_starves_nor_catches_up(
    weights: dict[str, int], data: st.DataObject
) -> None:
    """From its return on it gets its share: soon, and no more for the time that it had nothing."""
    back = data.draw(st.sampled_from(sorted(weights)))
    shares = Shares(weights)
    turns(shares, 300, frozenset() if len(weights) == 1 else frozenset({back}))
    later = turns(shares, 300)
    total = sum(weights.values())
    assert later.index(back) <= total / weights[back] + len(weights)
    share = Fraction(weights[back], total) * len(later)
    assert abs(later.count(back) - share) <= len(weights) + 1


def test_a_queue_that_was_empty_is_asked_for_one_job() -> None:
    """Slots that it would leave free again are not offered to it."""
    shares = Shares({"a": 9, "b": 1})
    shares.account({"b": 1}, {"a"})
    assert shares.split(20) == {"a": 1, "b": 19}
    shares.account({"a": 1, "b": 19}, ())
    assert shares.split(20)["a"] > 10
