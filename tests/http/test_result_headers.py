"""Which headers of a result are the handler's to choose, and which are the library's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.http.conftest import Client


def presented(client: Client, headers: dict[str, str]) -> tuple[httpx.Response, httpx.Response]:
    """Return the answers to a submission that waits and to a reading of its result."""
    value = {"body": "x", "headers": headers}
    held = client.submit("present", value, Prefer="wait=20")
    assert held.status_code == 200, held.text
    return held, client.get(held.headers["Content-Location"])


@pytest.mark.parametrize("policy", ["max-age=60", "private, max-age=60", "no-store"])
def test_a_handlers_cache_control_stands_alone(shared: Client, policy: str) -> None:
    """The library says no-cache only where the handler says nothing."""
    held, read = presented(shared, {"Cache-Control": policy, "ETag": '"z"'})
    assert held.headers.get_list("cache-control") == [policy]
    assert read.headers.get_list("cache-control") == [policy]
    again = shared.get(held.headers["Content-Location"], If_None_Match='"z"')
    assert (again.status_code, again.headers.get_list("cache-control")) == (304, [policy])


def test_a_result_without_a_cache_control_is_not_to_be_used_unasked(shared: Client) -> None:
    """Without the handler's word, a cached result is to be checked before it is used."""
    _, read = presented(shared, {})
    assert read.headers.get_list("cache-control") == ["no-cache"]


def test_a_failed_jobs_problem_has_one_cache_control(shared: Client) -> None:
    """A problem is not stored by caches, and says so once."""
    job = shared.finished("raise", "boom")
    assert shared.get(job["resultUrl"]).headers.get_list("cache-control") == ["no-store"]


def test_the_librarys_headers_about_the_request_stand_alone(shared: Client) -> None:
    """A handler cannot say where its result is, what preference was applied, or that a submission was a replay."""
    held, read = presented(
        shared, {"Content-Location": "/zz", "Preference-Applied": "x", "Idempotent-Replayed": "true"}
    )
    assert len(held.headers.get_list("content-location")) == 1
    assert held.headers["Content-Location"].endswith("/result")
    assert held.headers.get_list("preference-applied") == ["wait=20"]
    assert "Idempotent-Replayed" not in held.headers
    assert "Preference-Applied" not in read.headers
    assert "Idempotent-Replayed" not in read.headers
    assert read.headers["Content-Location"] == "/zz"
