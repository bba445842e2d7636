"""What a process has counted in the present slot: the difference between two readings of its counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.observability.reports import EndpointCounts, SlotCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints._core import Meters, Tally


class SlotCounter:
    """Says what was counted since a slot began.

    Args:
        meters: The process's counters.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        # What was counted before there was somebody to tell belongs to the first slot.
        self._before: dict[tuple[str, str], Tally] = {}
        self._latest: list[Tally] = []
        self._oldest_ms: dict[str, int] = {}
        self._sightings = 0
        # How much there was to tell when it was read last, and when that was told.
        self._read = self._told = (0, 0)

    def see_oldest(self, queue: str, age_ms: int) -> None:
        """Note for how long the oldest waiting job of a queue has waited."""
        if age_ms > self._oldest_ms.get(queue, -1):
            self._oldest_ms[queue] = age_ms
            self._sightings += 1

    @property
    def changed(self) -> bool:
        """Whether there is more to tell than was told last."""
        return self._told != (self._meters.changes, self._sightings)

    def read(self) -> SlotCounts:
        """Return what was counted in the slot so far."""
        self._read = (self._meters.changes, self._sightings)
        self._latest = self._meters.tallies()
        counts = SlotCounts(oldest_ms=dict(self._oldest_ms))
        for tally in self._latest:
            counted = _difference(tally, self._before.get((tally.endpoint, tally.queue)))
            if counted != EndpointCounts():
                counts.endpoints.setdefault(tally.endpoint, {})[tally.queue] = counted
        return counts

    def was_told(self) -> None:
        """Note that what was read last has reached the store."""
        self._told = self._read

    def begin_slot(self) -> None:
        """Begin a new slot with what was read last, and told: what has been counted since belongs to the new one."""
        self._before = {(tally.endpoint, tally.queue): tally for tally in self._latest}
        self._oldest_ms = {}


def _difference(now: Tally, before: Tally | None) -> EndpointCounts:
    submitted, submitted_before = now.submitted, {} if before is None else before.submitted
    return EndpointCounts(
        **{word: count - submitted_before.get(word, 0) for word, count in submitted.items()},
        attempts=_more(now.attempts, {} if before is None else before.attempts),
        ended=_more(now.ended, {} if before is None else before.ended),
        ran=_fuller(now.ran, () if before is None else before.ran),
        waited=_fuller(now.waited, () if before is None else before.waited),
    )


def _more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {word: more for word, count in now.items() if (more := count - before.get(word, 0))}


def _fuller(now: Sequence[int], before: Sequence[int]) -> dict[int, int]:
    if not before:
        return {bucket: count for bucket, count in enumerate(now) if count}
    pairs = enumerate(zip(now, before, strict=True))
    return {bucket: more for bucket, (count, then) in pairs if (more := count - then)}
