"""Whether this process lives, and whether it should get requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request  # noqa: TC002 (FastAPI resolves it)
from starlette.responses import Response  # noqa: TC002 (likewise)

from asyncendpoints.http.reply import JSON, Reply
from asyncendpoints.http.routes import JobRoute

if TYPE_CHECKING:
    from asyncendpoints.engine import Engine

_NO_STORE = (b"cache-control", b"no-store")


def health_routes(engine: Engine) -> list[JobRoute]:
    """Return the routes that orchestrators ask; no dependency guards them."""

    async def livez(request: Request) -> Response:
        """Answer that this process answers."""
        return Reply(200, b'{"status":"ok"}', (JSON, _NO_STORE))

    async def readyz(request: Request) -> Response:
        """Answer whether the store is reachable, its schema current, and this process not draining."""
        reasons = await engine.check_ready()
        if not reasons:
            return Reply(200, b'{"status":"ok"}', (JSON, _NO_STORE))
        body = msgspec.json.encode({"status": "unavailable", "reasons": reasons})
        return Reply(503, body, (JSON, _NO_STORE, (b"retry-after", b"5")))

    return [
        JobRoute("/livez", ("GET", "HEAD"), livez, "livez", "Whether this process lives", guarded=False),
        JobRoute("/readyz", ("GET", "HEAD"), readyz, "readyz", "Whether this process is ready", guarded=False),
    ]
