"""The one representation of a job, by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asyncendpoints.http.representation import NO_KEY, encode_job, etag, timestamp
from asyncendpoints.http.urls import JobUrls
from asyncendpoints.job import Job

URLS = JobUrls("http://h/s", "http://h/r", "http://h/e", "http://h/c")


def job(**members: Any) -> Job:
    """Return a job as a store gives it out."""
    given = {
        "job_id": "01890a5d-ac96-774b-bcce-b302099a8057", "handler": "h", "queue": "q", "state": "queued", "version": 1,
        "created_at": 1_700_000_000_123, "updated_at": 1_700_000_000_123, **members,
    }  # fmt: skip
    return Job(**given)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"request": b"stored"},
        {"request_id": "k", "scope": "h", "fingerprint": b"f" * 32, "max_attempts": 7},
        {"state": "scheduled", "scheduled_at": 1_700_000_009_000, "due_at": 1_700_000_009_000},
        {"redrive_of": "01890a5d-ac96-774b-bcce-b302099a8058"},
    ],
)
def test_a_job_looks_alike_at_its_first_version_and_later(members: dict[str, Any]) -> None:
    """What is left out at the first version, because it cannot have a value yet, is what it has later."""
    assert encode_job(job(**members), URLS) == encode_job(job(**members, version=2), URLS)


def test_a_warning_says_that_there_was_no_key() -> None:
    """For submissions by HTTP alone: a script knows what it does."""
    assert json.loads(encode_job(job(request=b"stored"), URLS))["warnings"] == [NO_KEY]
    assert json.loads(encode_job(job(), URLS))["warnings"] == []


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_007, "2023-11-14T22:13:20.007Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_times_have_milliseconds(at: int, text: str) -> None:
    """Also where they are zero."""
    assert timestamp(at) == text


def test_the_tag_is_the_version() -> None:
    """And weak, because hosts change the bytes."""
    assert etag(job(version=12)) == b'W/"12"'
