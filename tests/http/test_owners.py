"""Whatever a client makes of its owner, it is one owner, alike at submissions, for keys and at reads."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.submission import owner_digest
from tests.http.conftest import PATH, Client, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

OWNERS = [
    "u" * 255,
    "u" * 256,
    "u" * 5000,
    "é" * 300,
    "a\0b",
    "a\ud800b",
    "a\nb",
    owner_digest("u" * 256),
]


def from_query(request: Request) -> str | None:
    """Return the owner that the client chose: a character for each of the numbers it sent, or None."""
    points = request.query_params.get("owner")
    return None if points is None else "".join(chr(int(point)) for point in points.split())


def as_owner(owner: str) -> str:
    """Return the query that makes this the owner."""
    return "?owner=" + "+".join(str(ord(character)) for character in owner)


def submit(client: Client, owner: str) -> str:
    """Submit as an owner, and return the path of the job."""
    headers = {"Idempotency-Key": "k"}
    answer = client.http.post(PATH + as_owner(owner), json={"do": "return"}, headers=headers)
    assert answer.status_code == 202, answer.text
    return "/jobs/" + answer.json()["jobId"]


def test_any_text_is_an_owner(serve: Callable[..., Client], framework: str) -> None:
    """Owners too long for a store, with NUL or with halves of characters have jobs and keys of their own."""
    client = serve(framework, owner=from_query)
    jobs = [submit(client, owner) for owner in OWNERS]
    assert len({*jobs}) == len(OWNERS)
    assert [submit(client, owner) for owner in OWNERS] == jobs
    for job, owner in zip(jobs, OWNERS, strict=True):
        assert client.get(job + as_owner(owner)).status_code == 200
        problem_of(client.get(job), 404, "job-not-found")
    for (job, _), (_, other) in pairwise(zip(jobs, OWNERS, strict=True)):
        problem_of(client.get(job + as_owner(other)), 404, "job-not-found")
    assert client.stored() == len(OWNERS)


@pytest.mark.parametrize("sent", [{}, {"x-user": ""}])
def test_an_empty_owner_is_none(serve: Callable[..., Client], framework: str, sent: dict[str, str]) -> None:
    """A job of the owner "" is a job without an owner, which everybody finds."""

    def from_header(request: Request) -> str:
        return request.headers.get("x-user", "")

    client = serve(framework, owner=from_header)
    answer = client.http.post(PATH, json={"do": "return"}, headers=sent)
    assert answer.status_code == 202, answer.text
    assert client.get(answer.headers["Location"]).status_code == 200
    assert client.get(answer.headers["Location"], X_User="ann").status_code == 200


def test_an_owner_of_a_script_is_the_owner_of_a_request(serve: Callable[..., Client]) -> None:
    """A job that a script submits for a long owner is found by that owner."""
    owner = "u" * 300
    client = serve(owner=from_query)
    submission = client.serving.call(
        client.stage.jobs.submit("order", {"do": "return"}, path_params={"shop": "main"}, owner=owner)
    )
    job = submission.job
    assert client.get(f"/jobs/{job.job_id}{as_owner(owner)}").status_code == 200
    again = client.serving.call(client.stage.jobs.submit("order", {"do": "return"}, owner=job.owner))
    assert again.job.owner == job.owner


def test_a_hook_may_name_any_owner(serve: Callable[..., Client], framework: str) -> None:
    """The owner that a hook gives to the draft is as good as that of the setting."""

    async def hook(request: Request, call_next: Callable[..., object]) -> object:
        request.state.submission.owner = "u" * 300
        return await call_next(request)  # type: ignore[misc]

    client = serve(framework, owner=from_query, policy={"before_enqueue": hook})
    job = submit(client, "ann")
    assert client.get(job + as_owner("u" * 300)).status_code == 200
    problem_of(client.get(job + as_owner("ann")), 404, "job-not-found")
