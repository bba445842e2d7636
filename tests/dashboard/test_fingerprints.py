"""Errors that are alike have one fingerprint, and others do not."""

from __future__ import annotations

import json
import time

import pytest

from asyncendpoints.dashboard.fingerprints import kind_of, pattern_of


def problem(detail: str, title: str = "The handler failed") -> bytes:
    """Return a stored problem object."""
    return json.dumps({"type": "about:blank", "title": title, "detail": detail}).encode()


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("KeyError: 'customer-17'", "KeyError: 'customer-18'"),
        ("timeout after 30 s", "timeout after 2.5 s"),
        ("no row 0190b2c4-7e6f-7a10-8f00-0123456789ab", "no row 01a205ce-7e6f-7a10-8f00-0123456789ff"),
        ("at 0xdeadbeef", "at 0x7f00aa11"),
        ('bad "value one"', 'bad "value two"'),
        ("digest 4f5e6d7c8b9a0f1e2d3c wrong", "digest 0a1b2c3d4e5f6a7b8c9d wrong"),
        ("spaces   and\nlines", "spaces and lines"),
    ],
)
def test_what_differs_from_job_to_job_makes_no_new_kind(one, another):
    assert kind_of(problem(one)).fingerprint == kind_of(problem(another)).fingerprint


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (problem("KeyError: 'a'"), problem("ValueError: 'a'")),
        (problem("boom"), problem("boom", "Payment declined")),
        (problem("boom"), None),
        (problem("the cache is cold"), problem("the cache is gold")),
    ],
)
def test_what_is_another_error_is_another_kind(one, another):
    assert kind_of(one).fingerprint != kind_of(another).fingerprint


def test_a_fingerprint_stays_the_same_from_release_to_release():
    assert kind_of(problem("KeyError: 'customer-17'")).fingerprint == "535353721702f819"


@pytest.mark.parametrize("text", ["«" * 5000, "'" * 5000, "0." * 3000, "a" * 5000, "f" * 11 + "-" * 5000])
def test_no_text_takes_long(text):
    begun = time.perf_counter()
    pattern_of(text)
    assert time.perf_counter() - begun < 0.5
