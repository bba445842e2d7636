"""The last day, as the processes have counted it: what is over is read and summed once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from asyncendpoints.dashboard.tallies import Tallies
from asyncendpoints.observability.reports import Card, decode_card, decode_counts
from asyncendpoints.stores.base import SLOT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.clock import Clock
    from asyncendpoints.stores.base import Sign, Store

SLOTS_IN: Final = {"now": 2, "hour": 12, "day": 288}
"""How many slots a window has, the present one included."""
COLUMN_SLOTS: Final = 3
"""How many slots a column of a chart has: a quarter of an hour."""
COLUMNS: Final = SLOTS_IN["day"] // COLUMN_SLOTS

_SUMMED: Final = ("hour", "day")
"""The windows whose sums are kept."""
_LATE_MS: Final = 60_000
"""How long after a slot's end processes may still tell of it."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process and its last sign of life."""

    name: str
    card: Card
    seen_at: int


@dataclass(frozen=True, slots=True)
class Column:
    """A quarter of an hour of a chart."""

    begins_at: int
    completed: int
    failed: int
    canceled: int
    ran: tuple[float | None, float | None]
    """The median and the 95th percentile, in milliseconds."""
    waited: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Past:
    """The last day as it is known now."""

    now: int
    """The store's time (UTC milliseconds)."""
    signs: list[Sign]
    processes: list[Process]
    """Those of the signs that this release can read."""
    columns: list[Column]
    window: Callable[[str], Tallies]
    """Return the sums of `now`, `hour` or `day`."""

    def seconds(self, window: str) -> float:
        """Return how long a window has been so far, in seconds: its last slot has only begun."""
        begins_at = (self.now // SLOT_MS - SLOTS_IN[window] + 1) * SLOT_MS
        return max((self.now - begins_at) / 1000, 1.0)


class History:
    """Reads what processes report, and keeps the sums of slots that are over."""

    def __init__(self) -> None:
        self._closed: dict[int, Tallies] = {}
        self._next = 0
        self._sums: dict[str, Tallies] = {name: Tallies() for name in _SUMMED}
        self._reaches: dict[str, int] = dict.fromkeys(_SUMMED, 0)
        self._columns: dict[int, Column] = {}

    async def read(self, store: Store, clock: Clock) -> Past:
        """Return the last day. Only what was not over at the last call is asked for."""
        told_now = clock.store_now()
        guess = time.time_ns() // 1_000_000 if told_now is None else told_now
        first = guess // SLOT_MS - SLOTS_IN["day"]
        reports = await store.reports(since=max(self._next, first), now=told_now)
        open_slots: dict[int, Tallies] = {}
        for slot, _, body in reports.history:
            counts = decode_counts(body)
            if counts is not None:
                open_slots.setdefault(slot, Tallies()).count(counts)
        self._close(open_slots, reports.now)
        present = reports.now // SLOT_MS
        processes = [
            Process(sign.process, card, sign.seen_at)
            for sign in reports.signs
            if (card := decode_card(sign.card)) is not None
        ]
        found = dict(open_slots)

        def window(name: str) -> Tallies:
            return self._window(name, found, present)

        return Past(reports.now, reports.signs, processes, self._series(found, present), window)

    def _close(self, open_slots: dict[int, Tallies], now: int) -> None:
        """Keep what is over, and let go of what is a day old."""
        over = (now - _LATE_MS) // SLOT_MS  # the first slot that may still change
        for slot in [slot for slot in open_slots if slot < over]:
            tallies = open_slots.pop(slot)
            # Another reading may have been faster.
            if slot >= self._next:
                self._closed[slot] = tallies
                for name, total in self._sums.items():
                    if slot >= self._reaches[name]:
                        total.add(tallies)
        self._next = max(self._next, over)
        present = now // SLOT_MS
        for name, total in self._sums.items():
            reach = present - SLOTS_IN[name] + 1
            for slot in range(max(self._reaches[name], min(self._closed, default=reach)), reach):
                if slot in self._closed:
                    total.add(self._closed[slot], -1)
            self._reaches[name] = max(self._reaches[name], reach)
        for slot in [slot for slot in self._closed if slot < self._reaches["day"]]:
            del self._closed[slot]

    def _window(self, name: str, open_slots: dict[int, Tallies], present: int) -> Tallies:
        total = Tallies()
        reach = present - SLOTS_IN[name] + 1
        closed = self._sums.get(name)
        if closed is None:
            for slot in range(reach, present + 1):
                if slot in self._closed:
                    total.add(self._closed[slot])
        else:
            total.add(closed)
        for slot, tallies in open_slots.items():
            # It may have been closed since by another reading.
            if slot >= reach and slot not in self._closed:
                total.add(tallies)
        return total

    def _series(self, open_slots: dict[int, Tallies], present: int) -> list[Column]:
        last = present // COLUMN_SLOTS
        columns: list[Column] = []
        for number in range(last - COLUMNS + 1, last + 1):
            column = self._columns.get(number)
            if column is None:
                column = self._column(number, open_slots)
                if (number + 1) * COLUMN_SLOTS <= self._next:
                    self._columns[number] = column
            columns.append(column)
        for number in [number for number in self._columns if number <= last - COLUMNS]:
            del self._columns[number]
        return columns

    def _column(self, number: int, open_slots: dict[int, Tallies]) -> Column:
        slots = range(number * COLUMN_SLOTS, (number + 1) * COLUMN_SLOTS)
        found = Tallies()
        for slot in slots:
            tallies = self._closed.get(slot) or open_slots.get(slot)
            if tallies is not None:
                found.total.add(tallies.total)
        total = found.total
        return Column(
            begins_at=number * COLUMN_SLOTS * SLOT_MS,
            completed=total.ended.get("completed", 0),
            failed=total.ended.get("failed", 0),
            canceled=total.ended.get("canceled", 0),
            ran=(total.ran_ms(0.5), total.ran_ms(0.95)),
            waited=(total.waited_ms(0.5), total.waited_ms(0.95)),
        )
