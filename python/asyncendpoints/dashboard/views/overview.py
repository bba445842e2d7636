"""The first page: how it goes, how it went the last day, and what needs attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from asyncendpoints.dashboard import formats
from asyncendpoints.dashboard.charts import ended_chart, times_chart
from asyncendpoints.dashboard.look import Page
from asyncendpoints.dashboard.rendering import STATES
from asyncendpoints.dashboard.views.processes import conditions, serving
from asyncendpoints.stores.base import JobFilter

if TYPE_CHECKING:
    from asyncendpoints.dashboard.look import Look, Snapshot
    from asyncendpoints.dashboard.views.processes import Condition

LATEST: Final = 5
"""How many failed jobs the overview shows."""

_OLD_MS: Final = 60_000
_MUCH: Final = 0.05
_ENOUGH_RUNS: Final = 20


class Notice(NamedTuple):
    """Something that needs attention."""

    level: str
    text: str
    to: str
    """The way to where more is said, from the dashboard's first page."""


async def overview(look: Look) -> Page:
    """Show throughput, times, errors and ages, now and for the last day."""
    snapshot = await look.snapshot()
    past = snapshot.past
    newest = await look.engine.store.list(JobFilter(state="failed"), limit=LATEST)
    processes = conditions(snapshot)
    recent, day = past.window("now"), past.window("day")
    living = [each.process.card for each in processes if each.lives and each.process.card.worker is not None]
    oldest = min(snapshot.stats.oldest_ready_at.values(), default=None)
    return Page(
        "overview",
        "Overview",
        {
            "now": snapshot.now,
            "counts": {state: snapshot.count(state) for state in STATES},
            "recent": recent.total,
            "minutes": past.seconds("now") / 60,
            "day": day.total,
            "day_minutes": past.seconds("day") / 60,
            "oldest_ms": None if oldest is None else max(snapshot.now - oldest, 0),
            "workers": len(living),
            "slots": sum(card.slots for card in living),
            "busy": sum(card.busy for card in living),
            "notices": notices(snapshot, processes),
            "ended": ended_chart(past.columns),
            "ran": times_chart(past.columns, "How long runs took", lambda column: column.ran),
            "waited": times_chart(past.columns, "How long runnable jobs waited", lambda column: column.waited),
            "failed": newest.jobs,
        },
    )


def notices(snapshot: Snapshot, processes: list[Condition]) -> list[Notice]:
    """Return what needs attention, what is worst first."""
    return [*_of_queues(snapshot, processes), *_of_processes(processes), *_of_errors(snapshot)]


def _of_queues(snapshot: Snapshot, processes: list[Condition]) -> list[Notice]:
    found: list[Notice] = []
    for queue in sorted(snapshot.stats.counts.keys() | snapshot.stats.paused):
        waiting = snapshot.count("queued", queue)
        oldest = snapshot.stats.oldest_ready_at.get(queue)
        many = f"{formats.number(waiting)} {'job waits' if waiting == 1 else 'jobs wait'}"
        if queue in snapshot.stats.paused:
            found.append(Notice("warn", f"Queue {queue} is paused; {many}.", "queues"))
        elif waiting and not serving(processes, queue):
            found.append(Notice("bad", f"No live worker serves queue {queue}; {many}.", "queues"))
        elif oldest is not None and snapshot.now - oldest > _OLD_MS:
            age = formats.duration(snapshot.now - oldest)
            found.append(Notice("warn", f"The oldest job of queue {queue} has waited for {age}.", "queues"))
    return found


def _of_processes(processes: list[Condition]) -> list[Notice]:
    found: list[Notice] = []
    for each in processes:
        card = each.process.card
        where = f"{card.host} (process {card.pid})"
        if each.word == "silent":
            found.append(Notice("bad", f"{where} was last heard of {formats.duration(each.silent_ms)} ago.", "workers"))
        elif each.word == "stalled":
            held = formats.duration(card.stalled_ms)
            found.append(Notice("warn", f"The event loop of {where} was held up for {held}.", "workers"))
    return found


def _of_errors(snapshot: Snapshot) -> list[Notice]:
    found: list[Notice] = []
    for name, tally in sorted(snapshot.past.window("now").endpoints.items()):
        rate = tally.error_rate
        if rate is not None and rate > _MUCH and tally.runs >= _ENOUGH_RUNS:
            text = f"{formats.percent(rate)} of the runs of {name} fail at present."
            found.append(Notice("bad" if rate > 0.5 else "warn", text, "endpoints"))
    return found
