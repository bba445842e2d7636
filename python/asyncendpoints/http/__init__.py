"""The HTTP layer: the contract that clients see, for Starlette and FastAPI alike."""

from __future__ import annotations

from typing import Final

__all__ = ["EXPOSED_HEADERS"]

EXPOSED_HEADERS: Final[tuple[str, ...]] = (
    "Location",
    "Content-Location",
    "Retry-After",
    "ETag",
    "Preference-Applied",
    "Idempotent-Replayed",
)
"""The response headers that browsers hide from other origins unless CORS exposes them:
`CORSMiddleware(expose_headers=EXPOSED_HEADERS)`."""
