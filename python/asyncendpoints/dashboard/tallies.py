"""What processes have counted, summed over processes, slots, endpoints or queues."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from asyncendpoints.observability.histogram import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.observability.reports import EndpointCounts, SlotCounts

_FAILURES = ("error", "timeout", "lost")


class Tally:
    """A sum of counts, from which counts can be taken again."""

    __slots__ = ("attempts", "created", "ended", "ran", "refused", "replayed", "waited")

    def __init__(self) -> None:
        self.created = 0
        self.replayed = 0
        self.refused = 0
        self.attempts: defaultdict[str, int] = defaultdict(int)
        self.ended: defaultdict[str, int] = defaultdict(int)
        self.ran: defaultdict[int, int] = defaultdict(int)
        self.waited: defaultdict[int, int] = defaultdict(int)

    def add(self, other: Tally | EndpointCounts, sign: int = 1) -> None:
        """Add counts, or take them away again with a sign of -1."""
        self.created += sign * other.created
        self.replayed += sign * other.replayed
        self.refused += sign * other.refused
        for mine, theirs in (
            (self.attempts, other.attempts),
            (self.ended, other.ended),
            (self.ran, other.ran),
            (self.waited, other.waited),
        ):
            _add(mine, theirs, sign)

    @property
    def done(self) -> int:
        """How many jobs have ended, in whatever state."""
        return sum(self.ended.values())

    @property
    def runs(self) -> int:
        """How many runs have come to an outcome of their own, neither released nor canceled."""
        return self.attempts.get("completed", 0) + self.failures

    @property
    def failures(self) -> int:
        """How many of them failed."""
        return sum(self.attempts.get(outcome, 0) for outcome in _FAILURES)

    @property
    def error_rate(self) -> float | None:
        """The part of the runs that failed; None where there were none."""
        return self.failures / self.runs if self.runs else None

    def ran_ms(self, part: float) -> float | None:
        """Return a quantile of how long runs took, in milliseconds."""
        return quantile(self.ran, part)

    def waited_ms(self, part: float) -> float | None:
        """Return a quantile of how long runnable jobs waited, in milliseconds."""
        return quantile(self.waited, part)


def _add(mine: defaultdict[str, int] | defaultdict[int, int], theirs: Mapping[str, int] | Mapping[int, int], sign: int):
    sums: dict[int | str, int] = mine  # pyright: ignore[reportAssignmentType] (both are used alike)
    for key, count in theirs.items():
        total = sums.get(key, 0) + sign * count
        if total:
            sums[key] = total
        else:
            # What is taken away again leaves nothing behind: names come and go for ever.
            sums.pop(key, None)


class Tallies:
    """Sums by endpoint, by queue, and of everything."""

    __slots__ = ("_parts", "endpoints", "oldest_ms", "queues", "total")

    def __init__(self) -> None:
        self.total = Tally()
        self.endpoints: defaultdict[str, Tally] = defaultdict(Tally)
        self.queues: defaultdict[str, Tally] = defaultdict(Tally)
        self.oldest_ms: dict[str, int] = {}
        self._parts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def count(self, told: SlotCounts) -> None:
        """Add what a process has told of a slot."""
        for endpoint, queues in told.endpoints.items():
            for queue, counts in queues.items():
                self.endpoints[endpoint].add(counts)
                self.queues[queue].add(counts)
                self.total.add(counts)
        for queue, oldest in told.oldest_ms.items():
            self.oldest_ms[queue] = max(self.oldest_ms.get(queue, 0), oldest)

    def add(self, other: Tallies, sign: int = 1) -> None:
        """Add the sums of a slot, or take them away again; ages, which are no sums, stay out of it."""
        self.total.add(other.total, sign)
        for kind, mine, theirs in (("e", self.endpoints, other.endpoints), ("q", self.queues, other.queues)):
            for name, tally in theirs.items():
                mine[name].add(tally, sign)
                self._parts[(kind, name)] += sign
                if not self._parts[(kind, name)]:
                    del mine[name], self._parts[(kind, name)]
