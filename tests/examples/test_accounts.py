"""The example with authentication, owners and a database session in the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

ADA = {"Authorization": "Bearer ada-token"}
GRACE = {"Authorization": "Bearer grace-token"}
WAIT = {"Prefer": "wait=30"}


@pytest.fixture
def client(serve: Callable[..., httpx.Client], tmp_path: Path) -> httpx.Client:
    """Return a client of the served example, with a database of its own."""
    return serve("examples.accounts.app:app", ACCOUNTS_DATABASE_URL=f"sqlite:///{tmp_path / 'accounts.db'}")


def balances(client: httpx.Client) -> tuple[int, int]:
    """Return what ada and grace have."""
    ada, grace = (client.get("/balance", headers=user).json()["balance"] for user in (ADA, GRACE))
    return ada, grace


def test_money_moves_once_however_often_it_is_asked_for(client: httpx.Client) -> None:
    """A repeated request is the same job; the session of the worker has committed before it completes."""
    headers = {**ADA, **WAIT, "Idempotency-Key": "rent"}
    for _ in range(3):
        answer = client.post("/transfers", json={"target": "grace", "amount": 2500}, headers=headers)
        assert answer.json() == {"owner": "ada", "balance": 7500}
    assert balances(client) == (7500, 3000)


def test_nobody_sees_another_users_jobs(client: httpx.Client) -> None:
    """Another user's job is a 404, and so it is for somebody without a name."""
    accepted = client.post(
        "/transfers", json={"target": "grace", "amount": 1}, headers={**ADA, "Idempotency-Key": "one"}
    )
    assert accepted.status_code == 202
    url = accepted.headers["location"]
    assert client.get(url, headers=ADA).status_code == 200
    assert client.get(url, headers=GRACE).status_code == 404
    assert client.get(url).status_code == 404
    assert client.post(url + "/cancel", headers=GRACE).status_code == 404


def test_what_cannot_be_paid_moves_nothing(client: httpx.Client) -> None:
    """A job that fails rolls the session back."""
    answer = client.post(
        "/transfers",
        json={"target": "ada", "amount": 501},
        headers={**GRACE, **WAIT, "Idempotency-Key": "much"},
    )
    assert answer.status_code == 409
    assert answer.json()["detail"] == "500 cents are left"
    assert balances(client) == (10_000, 500)


def test_strangers_are_turned_away_before_a_job_exists(client: httpx.Client) -> None:
    """FastAPI's own authentication answers, and a missing key is refused."""
    body = {"target": "grace", "amount": 1}
    assert client.post("/transfers", json=body, headers={"Idempotency-Key": "x"}).status_code == 401
    wrong = client.post("/transfers", json=body, headers={"Authorization": "Bearer x", "Idempotency-Key": "x"})
    assert wrong.status_code == 401
    keyless = client.post("/transfers", json=body, headers=ADA)
    assert keyless.status_code == 400
    assert keyless.json()["type"].endswith("idempotency-key-missing")
