"""The relay: moves submissions from the outbox, where they were committed, to the store of the jobs.

Each is moved once. Its job's id was chosen when it was submitted, and a store to which an id is handed that it has
already answers as the first time (SUB-3): a relay that ends between the enqueue and the removal of the entry leaves
it to the next one, whose enqueue changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextvars import Context
from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreRefused, StoreUnavailable
from asyncendpoints.failures import never_stored
from asyncendpoints.observability.logging import about_job, log_safely, printable
from asyncendpoints.problem_types import HANDLER_FAILED, IDEMPOTENCY_KEY_REUSED, PAYLOAD_TOO_LARGE
from asyncendpoints.stores.outbox import Conclusion
from asyncendpoints.timing import Backoff, end_task, wait_for_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints._core import Enqueued
    from asyncendpoints.clock import Clock
    from asyncendpoints.job import NewJob
    from asyncendpoints.problem_types import ProblemType
    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import Entry, Outbox

AT_ONCE: Final = 200
"""How many entries are moved together."""
POLL: Final = 1.0
"""Seconds after which a relay looks by itself for what other processes have written."""
LONGEST_MS: Final = 60_000
"""The longest time after which a put off entry is tried again."""
_FIRST_MS: Final = 200
_MOVING_MS: Final = 5_000

_log = logging.getLogger(__name__)


class Relay:
    """Moves entries in every process that has started; several share the work.

    Args:
        store: Where jobs go to.
        outbox: Where they come from.
        settings: The bound of the queues, and the lease: for so long a relay has what it takes to itself.
        clock: Where time comes from.
    """

    def __init__(self, store: Store, outbox: Outbox, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._max_queued = settings.max_queued
        self._lease_ms = settings.lease_ms
        self._bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._leave = outbox.subscribe(self._wake)
        self._task = self._loop.create_task(self._move_for_ever(), context=Context())

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._bell.set)
        except RuntimeError:
            # The loop was closed before the relay: another process moves it.
            if not self._loop.is_closed():
                raise

    async def close(self) -> None:
        """Move no more. Idempotent."""
        self._leave()
        await end_task(self._task)

    async def move(self) -> int:
        """Move what is to be moved now, and return how many entries were taken.

        Raises:
            StoreUnavailable: The store or the outbox does not answer; what was taken is taken again later.
        """
        total = 0
        while True:
            now = self._clock.store_now()
            entries = await self._outbox.take(limit=AT_ONCE, lease_ms=self._lease_ms, now=now)
            if entries:
                await self._move(entries, now)
            total += len(entries)
            if len(entries) < AT_ONCE:
                return total

    async def _move_for_ever(self) -> None:
        backoff = Backoff(longest=15.0)
        pause = 0.0
        while True:
            if await wait_for_event(self._bell, pause, self._clock):
                self._bell.clear()
            try:
                await self.move()
            except StoreUnavailable as error:
                log_safely(_log, logging.WARNING, "submissions wait in the outbox, which are moved later: %s", error)
                pause = backoff.pause()
            except Exception:  # a store's defect must not end the relay for good
                log_safely(
                    _log,
                    logging.ERROR,
                    "submissions wait in the outbox, because moving them failed; it will be repeated",
                    exc_info=True,
                )
                pause = backoff.pause()
            else:
                backoff.reset()
                pause = POLL * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)

    async def _move(self, entries: Sequence[Entry], now: int | None) -> None:
        readable = [entry for entry in entries if entry.job is not None]
        try:
            concluded = await self._hand_over(readable, now)
        except StoreUnavailable:
            # Nobody knows what the store has done, and the next one to ask gets the first answers.
            await self._outbox.conclude([Conclusion(entry=entry, word="put_off") for entry in entries], now=now)
            raise
        except Exception:  # one of them may be what the store cannot take: it must not stop the others
            concluded = [await self._hand_over_alone(entry, now) for entry in readable]
        concluded += [
            _refused(entry, HANDLER_FAILED, "what was submitted cannot be read any more")
            for entry in entries
            if entry.job is None
        ]
        await self._outbox.conclude(concluded, now=now)

    async def _hand_over(self, entries: Sequence[Entry], now: int | None) -> list[Conclusion]:
        jobs: list[NewJob] = [entry.job for entry in entries if entry.job is not None]
        if not jobs:
            return []
        answers = await self._store.enqueue(jobs, max_queued=self._max_queued, now=now)
        return [_concluded(entry, job, answer) for entry, job, answer in zip(entries, jobs, answers, strict=True)]

    async def _hand_over_alone(self, entry: Entry, now: int | None) -> Conclusion:
        try:
            (concluded,) = await self._hand_over([entry], now)
        except StoreUnavailable:
            return _put_off(entry)
        except StoreRefused as error:
            return _refused(entry, PAYLOAD_TOO_LARGE, str(error))
        except Exception:  # told, and tried again: nothing that was committed may be lost
            log_safely(
                _log,
                logging.ERROR,
                "job %s could not be moved from the outbox to the store",
                entry.job_id,
                exc_info=True,
            )
            return _put_off(entry)
        return concluded


async def move_now(store: Store, outbox: Outbox, job_id: str, *, now: int | None) -> str:
    """Move one submission to the store, whether its queue is full or not; return the id that its job has there.

    Raises:
        StoreUnavailable: The store or the outbox does not answer.
    """
    for entry in await outbox.take(limit=1, lease_ms=_MOVING_MS, job_id=job_id, now=now):
        if entry.job is not None:
            (answer,) = await store.enqueue((entry.job,), now=now)
            await outbox.conclude([_concluded(entry, entry.job, answer)], now=now)
    found = await outbox.find(job_id, now=now)
    return found if isinstance(found, str) else job_id


def _put_off(entry: Entry) -> Conclusion:
    delay_ms = min(_FIRST_MS << min(entry.turn, 16), LONGEST_MS)
    return Conclusion(entry=entry, word="put_off", delay_ms=int(delay_ms * random.uniform(0.5, 1.0)))  # noqa: S311


def _concluded(entry: Entry, job: NewJob, answer: Enqueued) -> Conclusion:
    stored = answer.job
    if stored is None:
        if answer.word == "key_reused":
            detail = f"the idempotency key {job.key!r} was used for a different submission"
            return _refused(entry, IDEMPOTENCY_KEY_REUSED, detail)
        return _put_off(entry)
    if stored.job_id == entry.job_id:
        return Conclusion(entry=entry, word="moved")
    log_safely(
        _log,
        logging.INFO,
        "job %s repeats job %s, which has its key",
        entry.job_id,
        stored.job_id,
        extra=about_job(entry.job_id),
    )
    return Conclusion(entry=entry, word="replayed", same_as=stored.job_id)


def _refused(entry: Entry, kind: ProblemType, detail: str) -> Conclusion:
    log_safely(
        _log,
        logging.ERROR,
        "job %s cannot be stored, and is kept as failed in the outbox: %s",
        entry.job_id,
        printable(detail),
        extra=about_job(entry.job_id),
    )
    return Conclusion(entry=entry, word="refused", problem=never_stored(kind, detail))
