"""The example that stores its own rows and submits jobs in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx


@pytest.fixture
def client(serve: Callable[..., httpx.Client], tmp_path: Path) -> httpx.Client:
    """Return a client of the served example, with a database of its own."""
    return serve("examples.orders.app:app", ORDERS_DATABASE=str(tmp_path / "orders.db"))


def counts(client: httpx.Client) -> tuple[int, int]:
    """Return how many orders and confirmations are committed."""
    found = client.get("/orders").json()
    return found["orders"], found["confirmations"]


def test_an_order_and_its_job_are_committed_together(client: httpx.Client) -> None:
    """The job that the answer names confirms the order; both are there when the client is told."""
    accepted = client.post("/orders", json={"article": "lamp", "amount": 2})
    assert accepted.status_code == 202
    assert counts(client)[0] == 1
    job = client.get(accepted.headers["location"], headers={"Prefer": "wait=30"}).json()
    assert (job["status"], job["result"]) == ("completed", "2 of lamp")
    assert job["jobId"] == accepted.json()["job_id"]
    assert counts(client) == (1, 1)


def test_what_is_refused_leaves_neither_an_order_nor_a_job(client: httpx.Client) -> None:
    """An error after the submission takes it back with the order: nothing is ever confirmed."""
    for _ in range(3):
        assert client.post("/orders", json={"article": "lamp", "amount": 99}).status_code == 409
    accepted = client.post("/orders", json={"article": "chair", "amount": 1})
    client.get(accepted.headers["location"], headers={"Prefer": "wait=30"})
    assert counts(client) == (1, 1)
