"""Policies are checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from asyncendpoints import ConfigurationError, Delays, Exponential, Fixed, Policy, Retention, Retry
from asyncendpoints.policy import make_policy


@pytest.mark.parametrize(
    ("make", "arguments", "named"),
    [
        (Retry, {"max_attempts": 0}, "max_attempts"),
        (Retry, {"max_attempts": 101}, "max_attempts"),
        (Retry, {"max_attempts": True}, "max_attempts"),
        (Fixed, {"seconds": -1}, "Fixed"),
        (Fixed, {"seconds": float("nan")}, "Fixed"),
        (Exponential, {"factor": 0.5}, "factor"),
        (Exponential, {"base": float("inf")}, "base"),
        (Delays, {"seconds": []}, "Delays"),
        (Delays, {"seconds": [1, -1]}, "Delays"),
        (Retention, {"completed": -1}, "Retention"),
        (Policy, {"queue": "a b"}, "queue"),
        (Policy, {"priority": 101}, "priority"),
        (Policy, {"timeout": 0}, "timeout"),
        (Policy, {"max_body_bytes": -1}, "max_body_bytes"),
        (Policy, {"max_body_bytes": 1.5}, "max_body_bytes"),
        (Policy, {"priority": 1.5}, "priority"),
        (Policy, {"priority": "5"}, "priority"),
        (Policy, {"queue": 5}, "queue"),
        (Retry, {"max_attempts": 2.5}, "max_attempts"),
        (Retry, {"max_attempts": "2"}, "max_attempts"),
        (Retry, {"backoff": 5}, "backoff"),
        (Exponential, {"factor": "2"}, "factor"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(make: Any, arguments: dict[str, Any], named: str) -> None:
    """The error names what is wrong with a policy."""
    with pytest.raises(ConfigurationError, match=named):
        make(**arguments)


def test_one_number_of_retention_serves_every_end() -> None:
    """`retention` is one number for all ends, or a `Retention`."""
    assert make_policy(retention=60).retention == Retention(completed=60, failed=60)
    assert make_policy(retention=Retention(completed=1)).retention == Retention(completed=1, failed=604_800)
    assert make_policy().retention == Retention(completed=86_400, failed=604_800)


def test_a_backoff_waits_as_its_name_says() -> None:
    """Fixed, listed and exponential delays are those of the core, in milliseconds."""
    assert [Fixed(2).compile().delay_ms(n, 0) for n in (1, 2, 9)] == [2000, 2000, 2000]
    assert [Delays([1, 10]).compile().delay_ms(n, 0) for n in (1, 2, 3)] == [1000, 10_000, 10_000]
    plain = Exponential(base=1, factor=2, maximum=5, jitter=False).compile()
    assert [plain.delay_ms(n, 0) for n in (1, 2, 3, 4)] == [1000, 2000, 4000, 5000]
    jittered = Exponential(base=1, maximum=5).compile()
    assert all(0 <= jittered.delay_ms(3, seed) <= 4000 for seed in range(50))
