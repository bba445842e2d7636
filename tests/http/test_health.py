"""Section 7 of the HTTP contract: `/livez` and `/readyz`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints
from asyncendpoints.errors import StoreUnavailable
from tests.http.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.http.conftest import Client


def test_a_started_process_lives_and_is_ready(serve: Callable[..., Client], framework: str) -> None:
    """Both answer 200, to HEAD as well, and are not kept by caches."""
    client = serve(framework)
    for path in ("/livez", "/readyz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Cache-Control"] == "no-store"
        assert client.http.head(path).status_code == 200


def test_a_store_that_does_not_answer_makes_it_unready(
    serve: Callable[..., Client], framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready is 503 with the reason, alive stays 200."""
    client = serve(framework)

    async def unavailable() -> None:
        raise StoreUnavailable("no route to host")

    monkeypatch.setattr(client.stage.jobs.engine.store, "ping", unavailable)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"].isdigit()
    assert "store" in answer.json()["reasons"][0]
    assert client.get("/livez").status_code == 200


def test_a_drain_makes_it_unready(serve: Callable[..., Client], framework: str) -> None:
    """As soon as the drain begins, and while requests are still answered."""
    client = serve(framework)
    client.serving.soon(client.stage.jobs.engine.begin_drain)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reasons": ["draining"]}
    assert client.get("/livez").status_code == 200


def test_a_process_that_was_never_started_is_not_ready() -> None:
    """Without a lifespan there is no worker; the probe says so."""
    app = Starlette()
    AsyncEndpoints("memory://").install(app, health=True)
    with Serving(app, lifespan="off") as serving:
        answer = serving.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["not started"]


def test_health_is_opt_in() -> None:
    """Without it the paths are nobody's."""
    app: Any = Starlette()
    AsyncEndpoints("memory://").install(app)
    with Serving(app) as serving:
        assert serving.client.get("/livez").status_code == 404
        assert serving.client.get("/readyz").status_code == 404
