"""What clients of a served FastAPI application do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from tests.http.serving import Serving


def finished(serving: Serving, submitted: httpx.Response) -> dict[str, Any]:
    """Return the job of an accepted submission when it has ended."""
    assert submitted.status_code == 202, submitted.text
    url = submitted.json()["statusUrl"]
    while True:
        job: dict[str, Any] = serving.client.get(url, headers={"Prefer": "wait=20"}).json()
        if job["done"]:
            return job
