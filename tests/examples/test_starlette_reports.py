"""The Starlette example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

WAIT = {"Prefer": "wait=30"}


@pytest.fixture(scope="module")
def client(serve: Callable[..., httpx.Client]) -> httpx.Client:
    """Return a client of the served example."""
    return serve("examples.starlette_reports.app:app")


def test_a_report_is_built_and_the_customer_told_once(client: httpx.Client) -> None:
    """The same request with the same key is the same job: one report, one mail."""
    headers = {**WAIT, "Idempotency-Key": "autumn"}
    first = client.post("/customers/7/reports", json={"title": "Autumn"}, headers=headers)
    assert first.status_code == 200
    assert first.json() == {
        "title": "Autumn",
        "customer_id": 7,
        "totals": {"2026-10": 1750, "2026-09": 800, "2026-08": 1200},
        "total": 3750,
    }
    again = client.post("/customers/7/reports", json={"title": "Autumn"}, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert client.get("/outbox").json() == ["customer 7: Autumn is ready"]


def test_a_result_may_be_csv(client: httpx.Client) -> None:
    """The query is the handler's to read, and the media type its to choose."""
    answer = client.post(
        "/customers/8/reports", params={"format": "csv"}, json={"title": "x", "months": 1}, headers=WAIT
    )
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == "month,total\r\n2026-10,90\r\n"


def test_an_unknown_customer_fails_the_job(client: httpx.Client) -> None:
    """`JobError` gives the result its status."""
    answer = client.post("/customers/9/reports", json={"title": "x"}, headers=WAIT)
    assert answer.status_code == 404
    assert answer.json()["title"] == "No such customer"


def test_a_wrong_payload_is_refused_before_the_job(client: httpx.Client) -> None:
    """Validation happens before anything is stored, and names the field."""
    answer = client.post("/customers/7/reports", json={"title": 5})
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("validation-failed")
    assert client.post("/customers/seven/reports", json={"title": "x"}).status_code == 404
