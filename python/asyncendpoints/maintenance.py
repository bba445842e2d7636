"""The sweep: returns the runs of lost workers to their queues, and removes what its retention no longer keeps."""

from __future__ import annotations

import asyncio
import logging
import random
from contextvars import Context
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import Settlement, decide
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.failures import worker_lost
from asyncendpoints.observability.logging import about_job, log_safely, printable
from asyncendpoints.timing import end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncendpoints._core import Expired, Meters, Verdict
    from asyncendpoints.clock import Clock
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import Outbox

BATCH: Final = 500
"""How many records one call of the sweep touches at most."""
BUDGET: Final = 200
"""How many calls one sweep makes of a kind at most; the next one goes on."""

_log = logging.getLogger(__name__)


class Maintenance:
    """Sweeps every third of a lease, with jitter, in every process that has started.

    Args:
        store: What is swept.
        settings: The lease.
        clock: Where time comes from.
        meters: Where rescued runs are counted.
        outbox: What is kept there of submissions that came to nothing is pruned, too.
    """

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, meters: Meters, outbox: Outbox | None = None
    ) -> None:
        self._store = store
        self._meters = meters
        self._outbox = outbox
        self._clock = clock
        self._every = settings.lease_for / 3
        self._ending = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._sweep_for_ever(), context=Context())

    async def close(self) -> None:
        """Sweep no more. Idempotent."""
        self._ending.set()
        await end_task(self._task)

    async def sweep(self) -> None:
        """Sweep once: rescue, strip, prune.

        Raises:
            StoreUnavailable: The store does not answer; the next sweep begins again.
        """
        await self._repeat(self._rescue)
        await self._repeat(lambda: self._store.strip(limit=BATCH, now=self._clock.store_now()))
        await self._repeat(lambda: self._store.prune(limit=BATCH, now=self._clock.store_now()))
        if (outbox := self._outbox) is not None:
            await self._repeat(lambda: outbox.prune(limit=BATCH, now=self._clock.store_now()))

    async def _sweep_for_ever(self) -> None:
        while not await wait_for_event(
            self._ending,
            self._every * random.uniform(0.8, 1.2),  # noqa: S311 (jitter)
            self._clock,
        ):
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log_safely(_log, logging.WARNING, "the store does not answer, the sweep is put off: %s", error)
            except Exception:  # a store's defect must not end the sweep for good
                log_safely(_log, logging.ERROR, "the sweep failed and will be repeated", exc_info=True)

    async def _repeat(self, step: Callable[[], Awaitable[int]]) -> None:
        for _ in range(BUDGET):
            if await step() < BATCH:
                return
            await asyncio.sleep(0)  # a store that never suspends must not hold the loop for a whole sweep

    async def _rescue(self) -> int:
        now = self._clock.store_now()
        expired = await self._store.expired(limit=BATCH, now=now)
        if expired:
            states = await self._store.settle([_lost(run) for run in expired], now=now)
            self._meters.rescued(expired, states)
            for run, state in zip(expired, states, strict=True):
                _log_rescue(run, state)
        return len(expired)


def _lost(run: Expired) -> Settlement:
    return Settlement(
        job_id=run.job_id,
        fence=run.fence,
        queue=run.queue,
        verdict=_verdict(run, cancel_requested=False),
        verdict_if_canceled=_verdict(run, cancel_requested=True),
        nonce=random.getrandbits(63),
        only_expired=True,
        error=worker_lost(),
    )


def _verdict(run: Expired, *, cancel_requested: bool) -> Verdict:
    return decide("lost", attempt=run.attempt, max_attempts=run.max_attempts, cancel_requested=cancel_requested)


def _log_rescue(run: Expired, state: str) -> None:
    if state == "stale":
        # A renewal or a settlement came in between, and wins.
        return
    log_safely(
        _log,
        logging.WARNING,
        "job %s (%s) lost its worker in attempt %d of %d and is now %s",
        run.job_id,
        printable(run.handler),
        run.attempt,
        run.max_attempts,
        state,
        extra={
            **about_job(run.job_id, endpoint=run.handler, queue=run.queue),
            "attempt": run.attempt,
            "outcome": "lost",
        },
    )
