"""What a client sends is read in linear time: nobody without credentials can hold up the event loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.errors import MalformedPayload
from asyncendpoints.http.preferences import parse_prefer
from asyncendpoints.strict_json import check_json

if TYPE_CHECKING:
    from collections.abc import Callable

# Linear takes some milliseconds on any machine; the quadratic and exponential forms take minutes to for ever.
BOUND = 2.0


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call, which other processes do not lengthen."""
    before = time.thread_time()
    call()
    return time.thread_time() - before


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 201 + b'"' + b'\\"' * 500_000,
        b"[" * 201 + b'"' + b'\\"' * 500_000 + b"\\",
        b"[" * 201 + b'"' * 1_000_000,
        b"[" * 201 + b'"\\\\' * 300_000,
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
    ],
)
def test_a_hostile_body_is_refused_in_linear_time(body: bytes) -> None:
    def check() -> None:
        with pytest.raises(MalformedPayload):
            check_json(body, max_depth=200)

    assert cpu_seconds(check) < BOUND


@pytest.mark.parametrize(
    "value",
    [
        b"a" + b";  " * 20_000 + b'"',
        b"," + b" " * 60_000 + b'"',
        b"a" + b" " * 60_000 + b'"',
        b"a=" + b'"\\' * 30_000,
        b'"' * 60_000,
        b"a=b;c=d" * 8_000 + b"\x01",
        b"," * 60_000,
    ],
)
def test_a_hostile_prefer_header_is_read_in_linear_time(value: bytes) -> None:
    assert cpu_seconds(lambda: parse_prefer([value], max_wait=30.0)) < BOUND


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (b"wait=5", 5),
        (b' wait = "7" ; a ; b="c, d" , respond-async', 7),
        (b"respond-async, wait=3", 3),
        (b'foo; bar="", wait=4;x', 4),
        (b'foo="unended, wait=4', None),
    ],
)
def test_a_prefer_header_says_how_long_to_wait(value: bytes, wait: int | None) -> None:
    assert parse_prefer([value], max_wait=30.0).wait == wait
