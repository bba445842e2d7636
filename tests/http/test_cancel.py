"""Section 4 of the HTTP contract: cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http.conftest import Client, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.fixture(params=["POST", "DELETE"])
def cancel(request: pytest.FixtureRequest) -> Callable[[Client, dict[str, str]], httpx.Response]:
    """Return each of the two ways to cancel a job."""

    def by_post(client: Client, job: dict[str, str]) -> httpx.Response:
        return client.http.post(job["cancelUrl"])

    def by_delete(client: Client, job: dict[str, str]) -> httpx.Response:
        return client.http.delete(job["statusUrl"])

    return by_post if request.param == "POST" else by_delete


def test_a_waiting_job_is_canceled_at_once(
    serve: Callable[..., Client], framework: str, cancel: Callable[..., httpx.Response]
) -> None:
    """Queued → 200 `canceled`; it never runs, and a second cancel is 200 too."""
    client = serve(framework, concurrency=1)
    held = client.accepted("hold")
    client.until(held["statusUrl"], "in_progress")
    job = client.accepted("return")
    answer = cancel(client, job)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["done"]) == ("canceled", True)
    assert body["cancelRequestedAt"]
    assert "Retry-After" not in answer.headers
    again = cancel(client, job)
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    client.open_gate()
    client.until(held["statusUrl"])
    assert client.get(job["statusUrl"]).json() == again.json()
    assert job["jobId"] not in client.stage.runs


def test_a_running_job_is_told(
    serve: Callable[..., Client], framework: str, cancel: Callable[..., httpx.Response]
) -> None:
    """In progress → 202 with cancelRequestedAt; the handler is cancelled within a second, and the job is canceled."""
    client = serve(framework)
    job = client.accepted("hold")
    client.until(job["statusUrl"], "in_progress")
    answer = cancel(client, job)
    assert answer.status_code == 202
    assert answer.headers["Retry-After"].isdigit()
    assert answer.json()["status"] == "in_progress"
    assert answer.json()["cancelRequestedAt"]
    ended = client.until(job["statusUrl"])
    assert ended["status"] == "canceled"
    assert ended["attempts"][0]["outcome"] == "canceled"
    assert cancel(client, job).status_code == 200


@pytest.mark.parametrize(("do", "state"), [("return", "completed"), ("raise", "failed")])
def test_an_ended_job_is_not_cancelable(
    shared: Client, cancel: Callable[..., httpx.Response], do: str, state: str
) -> None:
    """Completed or failed → 409 `job-not-cancelable`, and the job stays as it is."""
    job = shared.finished(do, "x")
    problem = problem_of(cancel(shared, job), 409, "job-not-cancelable")
    assert problem["jobId"] == job["jobId"]
    assert state in problem["detail"]
    assert shared.get(job["statusUrl"]).json() == job


def test_an_unknown_job_is_404(shared: Client) -> None:
    """Also where the id is malformed."""
    for job_id in ("01890a5d-ac96-774b-bcce-b302099a8057", "nonsense"):
        problem_of(shared.http.post(f"/jobs/{job_id}/cancel"), 404, "job-not-found")
        problem_of(shared.http.delete(f"/jobs/{job_id}"), 404, "job-not-found")
