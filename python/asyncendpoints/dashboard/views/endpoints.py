"""The pages about endpoints and about queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.dashboard.history import SLOTS_IN
from asyncendpoints.dashboard.look import Page
from asyncendpoints.dashboard.tallies import Tally
from asyncendpoints.dashboard.views.processes import conditions, serving

if TYPE_CHECKING:
    from asyncendpoints.dashboard.look import Look

WINDOWS: Final = {"now": "10 minutes", "hour": "Hour", "day": "Day"}
"""What a visitor may choose, and how it is called."""


def _window(look: Look, otherwise: str) -> str:
    chosen = look.query.get("window", otherwise)
    return chosen if chosen in SLOTS_IN else otherwise


async def endpoints(look: Look) -> Page:
    """Show what each endpoint was asked and how its jobs went: those of other processes too."""
    snapshot = await look.snapshot()
    window = _window(look, "day")
    tallies = snapshot.past.window(window).endpoints
    known = {name: look.engine.registry.get(name) for name in look.engine.registry.names}
    rows: list[dict[str, Any]] = []
    for name in sorted(tallies.keys() | known.keys()):
        handler = known.get(name)
        rows.append(
            {
                "name": name,
                "tally": tallies.get(name) or Tally(),
                "queue": None if handler is None else handler.policy.queue,
                "is_endpoint": handler is not None and handler.endpoint,
                "is_known": handler is not None,
            }
        )
    minutes = snapshot.past.seconds(window) / 60
    values = {"now": snapshot.now, "rows": rows, "window": window, "windows": WINDOWS, "minutes": minutes}
    return Page("endpoints", "Endpoints", values)


async def queues(look: Look) -> Page:
    """Show each queue: what is in it, how old, who serves it."""
    snapshot = await look.snapshot()
    window = _window(look, "hour")
    tallies = snapshot.past.window(window).queues
    processes = conditions(snapshot)
    stats = snapshot.stats
    served = {queue for each in processes for queue in each.process.card.queues}
    rows: list[dict[str, Any]] = []
    for queue in sorted(stats.counts.keys() | stats.paused | served | set(look.engine.registry.queues)):
        oldest = stats.oldest_ready_at.get(queue)
        rows.append(
            {
                "name": queue,
                "counts": stats.counts.get(queue, {}),
                "oldest_ms": None if oldest is None else max(snapshot.now - oldest, 0),
                "paused": queue in stats.paused,
                "tally": tallies.get(queue) or Tally(),
                "serving": len(serving(processes, queue)),
            }
        )
    minutes = snapshot.past.seconds(window) / 60
    values = {"now": snapshot.now, "rows": rows, "window": window, "windows": WINDOWS, "minutes": minutes}
    return Page("queues", "Queues", values)
