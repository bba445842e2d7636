"""Many submissions at once: checked before any is stored, written in few calls."""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.errors import BatchRefused, ConfigurationError, SubmissionRefused
from asyncendpoints.preparation import prepared
from asyncendpoints.submission import accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asyncendpoints._core import Enqueued
    from asyncendpoints.job import NewJob
    from asyncendpoints.registry import Handler
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import DatabaseSession, Transactional
    from asyncendpoints.submission import Submission

AT_ONCE: Final = 200
"""How many jobs go to the store in one call, so that no call keeps others waiting for long."""


async def new_jobs(
    handler: Handler,
    payloads: Iterable[Any],
    keys: Iterable[str] | None,
    *,
    queue: str | None,
    priority: int | None,
    delay: float,
    owner: str | None,
    now: int | None,
) -> list[NewJob]:
    """Return a job to store for each payload; where one cannot be, there are none.

    Raises:
        SubmissionRefused: A payload does not fit, or a key is not what a key may be; a note says which one.
        ConfigurationError: Queue, priority, delay or owner are out of their bounds, or there are not as many keys.
    """
    jobs: list[NewJob] = []
    for payload, key in _pairs(payloads, keys):
        try:
            job = await prepared(
                handler, payload, queue=queue, priority=priority, delay=delay, key=key, owner=owner, now=now
            )
        except SubmissionRefused as error:
            error.add_note(f"it was number {len(jobs)} of a batch, of which nothing was stored")
            raise
        jobs.append(job)
    return jobs


def _pairs(payloads: Iterable[Any], keys: Iterable[str] | None) -> Iterator[tuple[Any, str | None]]:
    if keys is None:
        yield from zip(payloads, repeat(None))
        return
    try:
        yield from zip(payloads, keys, strict=True)
    except ValueError as error:
        raise ConfigurationError("idempotency_keys must have one key for each payload") from error


async def enqueue_all(
    store: Store, jobs: Sequence[NewJob], *, max_queued: int | None, now: int | None
) -> list[Enqueued]:
    """Store jobs, in few calls at the same time.

    Raises:
        StoreUnavailable: The store does not answer; some may be stored.
    """
    parts = [jobs[start : start + AT_ONCE] for start in range(0, len(jobs), AT_ONCE)]
    answers = await asyncio.gather(*[store.enqueue(part, max_queued=max_queued, now=now) for part in parts])
    return [answer for part in answers for answer in part]


async def enqueue_all_in(
    where: Transactional,
    session: DatabaseSession,
    jobs: Sequence[NewJob],
    *,
    max_queued: int | None,
    now: int | None,
) -> list[Enqueued]:
    """Store jobs in a transaction of the user's: one call after the other, because they share its connection.

    Raises:
        ConfigurationError: The session cannot carry jobs.
        StoreUnavailable: The database did not do it.
    """
    answers: list[Enqueued] = []
    for start in range(0, len(jobs), AT_ONCE):
        part = jobs[start : start + AT_ONCE]
        answers += await where.enqueue_in(session, part, max_queued=max_queued, now=now)
    return answers


def submissions(jobs: Sequence[NewJob], answers: Sequence[Enqueued]) -> list[Submission]:
    """Return what a store's answers make of the submissions of a batch.

    Raises:
        BatchRefused: The store refused some; it says which were stored.
    """
    made: list[Submission] = []
    stored: list[Submission | None] = []
    refusals: dict[int, SubmissionRefused] = {}
    for index, (job, answer) in enumerate(zip(jobs, answers, strict=True)):
        try:
            made.append(accepted(job, answer))
            stored.append(made[-1])
        except SubmissionRefused as error:
            refusals[index] = error
            stored.append(None)
    if refusals:
        raise BatchRefused(stored, refusals)
    return made
