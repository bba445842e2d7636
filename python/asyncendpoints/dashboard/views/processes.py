"""How processes are doing, and the page about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from asyncendpoints.dashboard.look import Page
from asyncendpoints.observability.reports import MISSED_AFTER

if TYPE_CHECKING:
    from asyncendpoints.dashboard.history import Process
    from asyncendpoints.dashboard.look import Look, Snapshot

STALLED_MS: Final = 1_000
"""From how long a stall on an event loop is worth a warning."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A process and how it is doing."""

    process: Process
    silent_ms: int
    word: Literal["working", "idle", "watching", "draining", "stalled", "silent"]

    @property
    def lives(self) -> bool:
        """Whether it has told of itself lately."""
        return self.word != "silent"


def conditions(snapshot: Snapshot) -> list[Condition]:
    """Return how each process is doing: those that need attention first, then by host."""
    found = [_condition(process, snapshot.now) for process in snapshot.past.processes]
    worst = ("silent", "stalled", "draining")
    found.sort(
        key=lambda each: (
            worst.index(each.word) if each.word in worst else len(worst),
            each.process.card.host,
            each.process.card.pid,
        )
    )
    return found


def _condition(process: Process, now: int) -> Condition:
    card, silent_ms = process.card, max(now - process.seen_at, 0)
    if silent_ms > MISSED_AFTER * 1000:
        return Condition(process, silent_ms, "silent")
    if card.stalled_ms >= STALLED_MS:
        return Condition(process, silent_ms, "stalled")
    if card.draining:
        return Condition(process, silent_ms, "draining")
    if card.worker is None:
        return Condition(process, silent_ms, "watching")
    return Condition(process, silent_ms, "working" if card.busy else "idle")


def serving(found: list[Condition], queue: str) -> list[Condition]:
    """Return the processes that take jobs from a queue now."""
    return [
        each
        for each in found
        if each.lives
        and not each.process.card.draining
        and each.process.card.worker is not None
        and queue in each.process.card.queues
    ]


async def workers(look: Look) -> Page:
    """Show the processes: what they are, what they do, when they were last heard of."""
    snapshot = await look.snapshot()
    found = conditions(snapshot)
    living = [each.process.card for each in found if each.lives]
    return Page(
        "workers",
        "Workers",
        {
            "now": snapshot.now,
            "conditions": found,
            "slots": sum(card.slots for card in living if card.worker is not None),
            "busy": sum(card.busy for card in living if card.worker is not None),
            "versions": sorted({card.version for card in living}),
        },
    )
