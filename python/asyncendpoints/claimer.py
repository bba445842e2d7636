"""When the worker claims: as long as it has free slots, woken by the store, with up to two claims under way."""

from __future__ import annotations

import asyncio
import logging
import random
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.observability.logging import log_safely
from asyncendpoints.timing import Backoff, end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints.claiming import Claiming
    from asyncendpoints.clock import Clock, Timer

PATIENCE: Final = 1.0
"""Seconds that what is under way gets when the worker ends."""
AT_ONCE: Final = 1_000
"""How many jobs a claim asks for at most: a store that gives fewer in one call would seem to have no more."""
POLL: Final = 2.0
"""Seconds between two claims on an idle store that may lose notifications."""

_log = logging.getLogger(__name__)


class Claimer:
    """Claims whenever there is room and there may be work.

    A claim takes at most half of the slots. While a queue has more, the jobs of one claim run as the store works on the
    next one: with one claim for all slots, worker and store would wait for each other in turn.

    Args:
        claiming: How it claims.
        clock: Where time comes from.
        slots: How many jobs run at once.
        taken: Returns how many slots are not free.
        lossless: Whether the store tells of all work, so that nobody has to look.
    """

    def __init__(
        self, claiming: Claiming, clock: Clock, *, slots: int, taken: Callable[[], int], lossless: bool
    ) -> None:
        self.queues: Sequence[str] = ()
        """Where jobs come from."""
        self._claiming = claiming
        self._clock = clock
        self._slots = slots
        self._taken = taken
        self._lossless = lossless
        # The queues have more than the last claim took.
        self._more = False
        self._asked = 0
        # Counts what makes an answer out of date that says that there is no more: claims that begin, and wake-ups.
        self._moment = 0
        self._stopping = asyncio.Event()
        self._timer: Timer | None = None
        self._wakes_at = inf
        # Weights are shared by one claim after the other.
        self._most = min(slots if claiming.shared else (slots + 1) // 2, AT_ONCE)
        self._bell = asyncio.Event()
        self._second_bell = asyncio.Event()
        self._tasks = {self._start(self._bell, self._room_alone)}
        if self._most < slots:
            self._tasks.add(self._start(self._second_bell, self._room_beside))

    @property
    def stopping(self) -> bool:
        """Whether nothing more is claimed."""
        return self._stopping.is_set()

    @property
    def pending(self) -> bool:
        """Whether a claim is to be made."""
        return self._bell.is_set()

    def wake(self) -> None:
        """Something may be claimable; on the event loop."""
        self._moment += 1
        self._bell.set()

    def freed(self) -> None:
        """A slot has become free; on the event loop."""
        if self._more:
            self._bell.set()
            self._second_bell.set()

    def _start(self, bell: asyncio.Event, room: Callable[[], int]) -> asyncio.Task[None]:
        # An empty context: a worker that was started within a request must not hand its variables on.
        return asyncio.get_running_loop().create_task(self._claim_all(bell, room), context=Context())

    def _room(self) -> int:
        """Return how many jobs a claim may take, if any."""
        return min(self._slots - self._taken() - self._asked, self._most)

    def _room_alone(self) -> int:
        """Return it for a claim that is made whenever there may be work."""
        room = self._room()
        if room <= 0:
            # What may be there is asked for when a slot becomes free.
            self._more = True
        return room

    def _room_beside(self) -> int:
        """Return it for a claim that is made while another one is under way: it has to be worth a call."""
        return self._most if self._more and self._room() == self._most else 0

    async def _claim_all(self, bell: asyncio.Event, room: Callable[[], int]) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            bell.clear()
            limit = room()
            if limit > 0 and self.queues:
                pause = await self._claim(limit, backoff)
                if pause:
                    await wait_for_event(self._stopping, pause, self._clock)
                    # The first one, whoever has failed: it may have to give back what the claim began.
                    self.wake()
                self.freed()
            await bell.wait()

    async def _claim(self, limit: int, backoff: Backoff) -> float:
        """Claim once, and return for how many seconds not to claim again."""
        self._asked += limit
        self._moment += 1
        moment = self._moment
        try:
            taken = await self._claiming.take(self.queues, limit)
        except StoreUnavailable as error:
            pause = backoff.pause()
            log_safely(_log, logging.WARNING, "the store does not answer, claiming again in %.1f s: %s", pause, error)
            return pause
        except Exception:  # a store's defect must not end the worker
            pause = backoff.pause()
            log_safely(_log, logging.ERROR, "claiming failed, trying again in %.1f s", pause, exc_info=True)
            return pause
        finally:
            self._asked -= limit
        backoff.reset()
        # That there was no more says nothing about what has come since.
        if taken.more or moment == self._moment:
            self._more = taken.more
        self._wake_later(taken.next_due_ms)
        return 0.0

    def _wake_later(self, next_due_ms: int | None) -> None:
        seconds = inf if next_due_ms is None else next_due_ms / 1000
        if not self._lossless:
            seconds = min(seconds, POLL * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
        at = self._clock.monotonic() + seconds
        if at < self._wakes_at:
            # An older answer must not put off what a newer one knows.
            if self._timer is not None:
                self._timer.cancel()
            self._wakes_at = at
            self._timer = self._clock.call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wakes_at = inf
        self._bell.set()

    # Ending.

    def stop(self) -> None:
        """Claim nothing more. Idempotent."""
        self._stopping.set()
        self._bell.set()
        self._second_bell.set()

    async def drain(self) -> None:
        """Let claims that are under way end, which give back what they bring; cut off what is not answered."""
        self.stop()
        late = (await asyncio.wait(self._tasks, timeout=PATIENCE))[1]
        if late:
            for task in late:
                await end_task(task)
            await self.give_back()

    async def close(self) -> None:
        """End at once."""
        self.stop()
        for task in self._tasks:
            await end_task(task)
        if self._timer is not None:
            self._timer.cancel()

    async def give_back(self) -> None:
        """Release what unanswered claims began, as far as the store answers in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._claiming.give_back()
        except (StoreUnavailable, TimeoutError) as error:
            lost = len(self._claiming.lost)
            log_safely(_log, logging.WARNING, "%d claims could not be given back and may be rescued: %s", lost, error)
        except Exception:  # a store's defect must not keep the worker from ending
            log_safely(_log, logging.ERROR, "claims could not be given back and may be rescued", exc_info=True)
