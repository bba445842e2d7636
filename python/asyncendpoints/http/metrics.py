"""The page of metrics that an application shows on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request  # noqa: TC002 (FastAPI resolves it)
from starlette.responses import Response  # noqa: TC002 (likewise)

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.reply import Reply
from asyncendpoints.http.routes import JobRoute
from asyncendpoints.observability.metrics import MetricsCollector, render

if TYPE_CHECKING:
    from asyncendpoints.engine import Engine


def metrics_routes(engine: Engine, path: str) -> list[JobRoute]:
    """Return the route that Prometheus scrapes; no dependency guards it.

    Raises:
        ConfigurationError: It is no path.
    """
    if not path.startswith("/") or "{" in path:
        raise ConfigurationError(f"metrics must be True, or a path such as '/metrics', not {path!r}")
    engine.measures.measure_store()
    collector = MetricsCollector(engine.measures)

    async def metrics(request: Request) -> Response:
        """Answer with what this process has counted, and what the store says of its queues."""
        if (figures := engine.measures.figures) is not None:
            await figures.refresh()
        body, media_type = render(collector, request.headers.get("accept", ""))
        return Reply(200, body, ((b"content-type", media_type.encode()), (b"cache-control", b"no-store")))

    return [JobRoute(path, ("GET", "HEAD"), metrics, "metrics", "What this process has counted", guarded=False)]
