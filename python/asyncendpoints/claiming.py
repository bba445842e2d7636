"""The worker's way of claiming: by rank over all its queues, or shared by their weights."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from asyncendpoints.weights import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asyncendpoints._core import Claim, Claims
    from asyncendpoints.clock import Clock
    from asyncendpoints.stores.base import Store


TURNS: Final = 2
"""How many turns of the event loop one claim's jobs are ahead of another's: one to run, one to send their ends."""


class Taken(NamedTuple):
    """What is known after a round of claims."""

    more: bool
    """Whether the queues may have more (CLM-5)."""
    next_due_ms: int | None
    """In how many milliseconds the next scheduled job of the queues that were asked is due."""


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
        self.lost: list[str] = []
        """The claims whose answers reached nobody, to be given back."""
        self._store = store
        self._clock = clock
        self._worker = worker
        self._lease_ms = lease_ms
        self._shares = None if weights is None else Shares(weights)
        self._accept = accept
        self._claim_ids = count(1)
        self._under_way = 0
        self._just_begun = False

    @property
    def shared(self) -> bool:
        """Whether weights share the free slots, for which one claim has to know what the one before it brought."""
        return self._shares is not None

    async def take(self, queues: Sequence[str], free: int) -> Taken:
        """Claim up to `free` jobs; where the queues have no weights, several calls may be under way.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await self.give_back()
        if self._shares is None:
            answer = await self._claim(queues, free)
            taken = Taken(len(answer.claims) >= free, answer.next_due_ms)
        else:
            taken = await self._take_shares(self._shares, free)
        await self.give_back()
        return taken

    async def give_back(self) -> None:
        """Release what unanswered claims began.

        Raises:
            StoreUnavailable: The store does not answer; what is left is tried again the next time.
        """
        while self.lost:
            claim_id = self.lost.pop()
            try:
                # It would else wait for its leases to expire (SUB-3).
                await self._store.release_claim(claim_id, now=self._clock.store_now())
            except BaseException:
                self.lost.append(claim_id)
                raise

    async def _take_shares(self, shares: Shares, free: int) -> Taken:
        plan = shares.split(free)
        # All at once: a store over a network answers them in the time of one.
        answers = await asyncio.gather(
            *(self._claim((queue,), share) for queue, share in plan.items()), return_exceptions=True
        )
        taken: dict[str, int] = {}
        empty: set[str] = set()
        failures: list[BaseException] = []
        dues: list[int | None] = []
        for (queue, share), answer in zip(plan.items(), answers, strict=True):
            if isinstance(answer, BaseException):
                failures.append(answer)
                continue
            dues.append(answer.next_due_ms)
            taken[queue] = len(answer.claims)
            if len(answer.claims) < share:
                empty.add(queue)
        shares.account(taken, empty)
        for failure in failures:
            raise failure
        left = free - sum(taken.values())
        unasked = sorted(shares.queues - shares.busy - plan.keys())
        while left and (queues := [*shares.split(1, shares.busy)] or unasked):
            # What some leave goes to the one whose turn it is, in one call: the next round makes up for it.
            answer = await self._claim(queues, left)
            dues.append(answer.next_due_ms)
            claims = answer.claims
            shares.account(Counter(claim.queue for claim in claims), queues if len(claims) < left else ())
            left -= len(claims)
            if queues is unasked:
                unasked = []
        if left:
            shares.begin_anew()
        return Taken(not left, min((due for due in dues if due is not None), default=None))

    async def _claim(self, queues: Sequence[str], limit: int) -> Claims:
        claim_id = f"{self._worker}-{next(self._claim_ids)}"
        self._under_way += 1
        try:
            answer = await self._store.claim(
                worker=self._worker,
                claim_id=claim_id,
                queues=queues,
                limit=limit,
                lease_ms=self._lease_ms,
                now=self._clock.store_now(),
            )
            if answer.claims:
                await self._fall_out_of_step()
        except BaseException:
            self.lost.append(claim_id)
            raise
        finally:
            self._under_way -= 1
        if answer.claims and not self._accept(answer.claims):
            self.lost.append(claim_id)
        return answer

    async def _fall_out_of_step(self) -> None:
        """Return once the jobs of a claim that was answered in this turn of the loop have run for a first time.

        A store that answers two claims at once would else have nothing to do until the jobs of both have run, be sent
        all their ends at once, and answer the next two claims at once again.
        """
        if self._just_begun:
            for _ in range(TURNS):
                await asyncio.sleep(0)
        elif self._under_way > 1:
            self._just_begun = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._just_begun = False
