"""What every page has around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.dashboard import files
from asyncendpoints.dashboard.actions import GOOD, TEXTS

if TYPE_CHECKING:
    from asyncendpoints.dashboard.look import Look

NAVIGATION: Final = (
    ("overview", "./", "Overview"),
    ("jobs", "jobs", "Jobs"),
    ("failed", "failed", "Failed"),
    ("endpoints", "endpoints", "Endpoints"),
    ("queues", "queues", "Queues"),
    ("workers", "workers", "Workers"),
)
"""Names, ways from the first page, and what visitors read."""


def surroundings(look: Look, title: str) -> dict[str, Any]:
    """Return the values that all templates know."""
    return {
        "base": look.base,
        "title": title,
        "navigation": NAVIGATION,
        "files": f"{look.base}static/{files.version()}/",
        "acts": look.grant.acts,
        "query": look.query,
        "texts": TEXTS,
        "good": GOOD,
    }
