"""Which queue's turn it is, where queues have weights: a deterministic apportionment that remembers."""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace
from math import lcm
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Shares:
    """Divides free slots over queues in proportion to their weights, and keeps account of what each one got.

    A queue's next job is due at the virtual time `(2·taken + 1) / weight`, and the earliest due comes first: Webster's
    divisor method. What it gives out for n slots at once is therefore what it gives for one slot n times.

    A queue that was found empty collects no claim to later slots: when it has work again it goes on from where the
    others are. Until then it is asked for one job when its turn comes, whatever its weight.

    Args:
        weights: Each queue's weight, at least 1.
    """

    __slots__ = ("_busy", "_due", "_half", "_weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        unit = lcm(*self._weights.values())
        self._half = {queue: unit // weight for queue, weight in self._weights.items()}
        """Half of what one job moves a queue's turn by, in units in which every weight's turns are whole numbers."""
        self._due: dict[str, int] = {}
        self._busy: set[str] = set()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was taken: no queue has more, or nothing is known yet."""
        self._due = dict(self._half)
        self._busy = set(self._weights)

    @property
    def queues(self) -> frozenset[str]:
        """All queues."""
        return frozenset(self._weights)

    @property
    def busy(self) -> frozenset[str]:
        """The queues that are thought to have work."""
        return frozenset(self._busy)

    def split(self, slots: int, among: Collection[str] | None = None) -> dict[str, int]:
        """Return how many of the slots each queue's turn brings it, without those that get none.

        Args:
            slots: How many there are.
            among: The queues to divide them over; None is all.
        """
        queues = [queue for queue in self._weights if among is None or queue in among]
        busy = [queue for queue in queues if queue in self._busy]
        shares = dict.fromkeys(queues, 0)
        due = {queue: self._due[queue] for queue in queues}
        if busy:
            # Whole cycles, in which each queue gets its weight, leave the order of turns as it is.
            probes = len(queues) - len(busy)
            cycles = max(slots - probes, 0) // sum(self._weights[queue] for queue in busy)
            for queue in busy:
                shares[queue] = cycles * self._weights[queue]
                due[queue] += 2 * self._half[queue] * shares[queue]
                slots -= shares[queue]
        turns = [(due[queue], order, queue) for order, queue in enumerate(queues)]
        heapify(turns)
        while slots and turns:
            at, order, queue = turns[0]
            shares[queue] += 1
            slots -= 1
            if queue in self._busy:
                heapreplace(turns, (at + 2 * self._half[queue], order, queue))
            else:
                heappop(turns)
        return {queue: share for queue, share in shares.items() if share}

    def account(self, taken: Mapping[str, int], empty: Collection[str]) -> None:
        """Write down what queues gave, and which were found empty.

        Args:
            taken: How many jobs came from each queue.
            empty: The queues that had fewer than were asked for.
        """
        for queue, count in taken.items():
            self._due[queue] += 2 * self._half[queue] * count
            if count:
                self._busy.add(queue)
        for queue in empty:
            if not taken.get(queue):
                # It had its turn.
                self._due[queue] += 2 * self._half[queue]
        self._busy.difference_update(empty)
        if not self._busy:
            return
        present = min(self._due[queue] - self._half[queue] for queue in self._busy)
        for queue in self._due:
            due = self._due[queue] - present
            # A turn that an empty queue missed is not saved up: it is due now, and no earlier.
            self._due[queue] = due if queue in self._busy else max(due, 0)
