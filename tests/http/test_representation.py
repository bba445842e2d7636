"""The one representation of a job, by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncendpoints.http.representation import encode_job, etag
from asyncendpoints.http.urls import JobUrls
from asyncendpoints.job import Job, Run

URLS = JobUrls(
    status="http://h/{job_id}/s",
    result="http://h/{job_id}/r",
    events="http://h/e?{job_id}",
    cancel="http://h/c{job_id}",
)
NO_KEY = "This submission carried no idempotency key; if it is sent again, it runs again."


def job(**members: Any) -> Job:
    """Return a job as a store gives it out."""
    members = {
        "job_id": "01890a5d-ac96-774b-bcce-b302099a8057", "handler": "h", "queue": "q", "state": "queued", "version": 1,
        "created_at": 1_700_000_000_123, "updated_at": 1_700_000_000_123, **members,
    }  # fmt: skip
    return Job(**members)


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
    assert json.loads(encode_job(job(created_at=at), URLS))["createdAt"] == text


@given(at=st.integers(0, 253_402_300_799_999))
def test_times_are_those_of_the_calendar(at: int) -> None:
    """Every moment that Python's calendar names is written as Python writes it."""
    moment = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    written = json.loads(encode_job(job(updated_at=at), URLS))["updatedAt"]
    assert written == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=255))
def test_every_text_is_written_as_json_reads_it(text: str) -> None:
    """Quotes, backslashes and control characters are escaped; all else is UTF-8."""
    resource = json.loads(encode_job(job(handler=text), URLS))
    assert resource["endpoint"] == text


def test_the_members_are_those_of_the_contract() -> None:
    """In the contract's order, and each of a job that has been through everything has its value."""
    run = Run(number=2, started_at=1_700_000_001_000, worker='w"1', finished_at=None, outcome=None, error=None)
    lost = Run(number=1, started_at=0, worker="w", finished_at=9, outcome="lost", error=b'{"status":500}')
    full = job(
        state="completed", version=9, attempt=2, max_attempts=4, scheduled_at=1, started_at=2, finished_at=3,
        expires_at=4, cancel_requested_at=5, progress=b'{"percent":1}', result=b"[1]", error=b"{}", runs=[lost, run],
    )  # fmt: skip
    second = "2023-11-14T22:13:20.123Z"
    assert list(json.loads(encode_job(full, URLS)).items()) == [
        ("jobId", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("requestId", None),
        ("endpoint", "h"),
        ("status", "completed"),
        ("done", True),
        ("createdAt", second),
        ("scheduledAt", "1970-01-01T00:00:00.001Z"),
        ("startedAt", "1970-01-01T00:00:00.002Z"),
        ("finishedAt", "1970-01-01T00:00:00.003Z"),
        ("updatedAt", second),
        ("expiresAt", "1970-01-01T00:00:00.004Z"),
        ("attempt", 2),
        ("maxAttempts", 4),
        ("nextAttemptAt", None),
        (
            "attempts",
            [
                {
                    "number": 1, "startedAt": "1970-01-01T00:00:00.000Z", "finishedAt": "1970-01-01T00:00:00.009Z",
                    "outcome": "lost", "error": {"status": 500}, "worker": "w",
                },
                {
                    "number": 2, "startedAt": "2023-11-14T22:13:21.000Z", "finishedAt": None, "outcome": None,
                    "error": None, "worker": 'w"1',
                },
            ],
        ),
        ("progress", {"percent": 1}),
        ("result", [1]),
        ("error", None),
        ("redriveOf", None),
        ("cancelRequestedAt", "1970-01-01T00:00:00.005Z"),
        ("warnings", []),
        ("statusUrl", "http://h/01890a5d-ac96-774b-bcce-b302099a8057/s"),
        ("resultUrl", "http://h/01890a5d-ac96-774b-bcce-b302099a8057/r"),
        ("eventsUrl", "http://h/e?01890a5d-ac96-774b-bcce-b302099a8057"),
        ("cancelUrl", "http://h/c01890a5d-ac96-774b-bcce-b302099a8057"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "error", "due"),
    [("queued", None, None), ("failed", {"status": 500}, None), ("scheduled", None, "1970-01-01T00:00:00.007Z")],
)
def test_error_and_due_time_are_told_in_their_states(state: str, error: object, due: str | None) -> None:
    """An error in `failed` alone, the time of the next attempt in `scheduled` alone, and no result in either."""
    resource = json.loads(encode_job(job(state=state, version=3, error=b'{"status":500}', due_at=7, result=b"1"), URLS))
    assert (resource["error"], resource["nextAttemptAt"], resource["result"]) == (error, due, None)


def test_the_tag_is_the_version() -> None:
    """And weak, because hosts change the bytes."""
    assert etag(job(version=12)) == b'W/"12"'
