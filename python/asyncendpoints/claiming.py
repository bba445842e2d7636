"""The worker's way of claiming: by rank over all its queues, or shared by their weights."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from asyncendpoints.weights import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asyncendpoints._core import Claim
    from asyncendpoints.clock import Clock
    from asyncendpoints.stores.base import Store


class Claiming:
    """Takes jobs for one worker, and gives back what it must not keep.

    Args:
        store: Where jobs come from.
        clock: Where time comes from.
        worker: The worker's name.
        lease_ms: How long each lease is.
        weights: The weight of each queue; None takes jobs by rank over all queues (CLM-2).
        accept: Told the claims as they arrive; returns False where the worker takes none any more.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        worker: str,
        lease_ms: int,
        weights: Mapping[str, int] | None,
        accept: Callable[[Sequence[Claim]], bool],
    ) -> None:
        self.next_due_ms: int | None = None
        """In how many milliseconds the next scheduled job of the queues that were asked last is due."""
        self.lost: list[str] = []
        """The claims whose answers reached nobody, to be given back."""
        self._store = store
        self._clock = clock
        self._worker = worker
        self._lease_ms = lease_ms
        self._shares = None if weights is None else Shares(weights)
        self._accept = accept
        self._claim_ids = count(1)

    async def take(self, queues: Sequence[str], free: int) -> bool:
        """Claim up to `free` jobs; return whether the queues may have more (CLM-5).

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await self.give_back()
        self.next_due_ms = None
        if self._shares is None:
            more = len(await self._claim(queues, free)) >= free
        else:
            more = await self._take_shares(self._shares, free)
        await self.give_back()
        return more

    async def give_back(self) -> None:
        """Release what unanswered claims began.

        Raises:
            StoreUnavailable: The store does not answer; what is left is tried again the next time.
        """
        while self.lost:
            # It would else wait for its leases to expire (SUB-3).
            await self._store.release_claim(self.lost[-1], now=self._clock.store_now())
            self.lost.pop()

    async def _take_shares(self, shares: Shares, free: int) -> bool:
        plan = shares.split(free)
        # All at once: a store over a network answers them in the time of one.
        answers = await asyncio.gather(
            *(self._claim((queue,), share) for queue, share in plan.items()), return_exceptions=True
        )
        taken: dict[str, int] = {}
        empty: set[str] = set()
        failures: list[BaseException] = []
        for (queue, share), answer in zip(plan.items(), answers, strict=True):
            if isinstance(answer, BaseException):
                failures.append(answer)
                continue
            taken[queue] = len(answer)
            if len(answer) < share:
                empty.add(queue)
        shares.account(taken, empty)
        for failure in failures:
            raise failure
        left = free - sum(taken.values())
        unasked = sorted(shares.queues - shares.busy - plan.keys())
        while left and (queues := [*shares.split(1, shares.busy)] or unasked):
            # What some leave goes to the one whose turn it is, in one call: the next round makes up for it.
            claims = await self._claim(queues, left)
            shares.account(Counter(claim.queue for claim in claims), queues if len(claims) < left else ())
            left -= len(claims)
            if queues is unasked:
                unasked = []
        if left:
            shares.begin_anew()
        return not left

    async def _claim(self, queues: Sequence[str], limit: int) -> Sequence[Claim]:
        claim_id = f"{self._worker}-{next(self._claim_ids)}"
        try:
            answer = await self._store.claim(
                worker=self._worker,
                claim_id=claim_id,
                queues=queues,
                limit=limit,
                lease_ms=self._lease_ms,
                now=self._clock.store_now(),
            )
        except BaseException:
            self.lost.append(claim_id)
            raise
        if answer.next_due_ms is not None:
            known = self.next_due_ms
            self.next_due_ms = answer.next_due_ms if known is None else min(known, answer.next_due_ms)
        if answer.claims and not self._accept(answer.claims):
            self.lost.append(claim_id)
        return answer.claims
