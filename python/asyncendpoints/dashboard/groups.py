"""Failed jobs by the kind of their error: found, and run again, in bounded steps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from asyncendpoints.dashboard.fingerprints import ErrorKind, kind_of
from asyncendpoints.errors import JobNotRedrivable, QueueFull
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.submission import redrive, repeat_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncendpoints.engine import Engine
    from asyncendpoints.job import Job

LOOKED_AT: Final = 1_000
"""How many failed jobs a page looks at."""
REDRIVEN_AT_ONCE: Final = 500
"""How many jobs one step of a group's redrive makes at most."""

_ASKED_AT_ONCE: Final = 4 * REDRIVEN_AT_ONCE
_STEP: Final = 200


@dataclass(slots=True)
class Group:
    """Failed jobs whose errors are alike."""

    kind: ErrorKind
    newest: Job
    oldest: Job
    count: int = 0
    endpoints: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found among some failed jobs."""

    jobs: int
    """How many were looked at."""
    cursor: str | None
    """Where to look on; None where there are no more."""


async def groups(engine: Engine, cursor: str | None) -> tuple[list[Group], Looked]:
    """Return the groups of the newest failed jobs, or of those after a cursor, the largest first."""
    found: dict[str, Group] = {}
    looked, onward = 0, cursor
    async for jobs, onward in _failed(engine, JobFilter(state="failed"), cursor):  # noqa: B007 (where it has come to)
        for job in jobs:
            kind = kind_of(job.error)
            group = found.setdefault(kind.fingerprint, Group(kind, job, job))
            group.oldest = job
            group.count += 1
            group.endpoints[job.handler] = group.endpoints.get(job.handler, 0) + 1
        looked += len(jobs)
        if looked >= LOOKED_AT:
            break
    return sorted(found.values(), key=lambda group: -group.count), Looked(looked, onward)


async def members(engine: Engine, fingerprint: str, cursor: str | None) -> tuple[list[Job], Looked]:
    """Return the jobs of a group among the newest failed ones, or among those after a cursor."""
    found: list[Job] = []
    looked, onward = 0, cursor
    async for jobs, onward in _failed(engine, JobFilter(state="failed"), cursor):  # noqa: B007 (where it has come to)
        found += [job for job in jobs if kind_of(job.error).fingerprint == fingerprint]
        looked += len(jobs)
        if looked >= LOOKED_AT:
            break
    return found, Looked(looked, onward)


async def _failed(engine: Engine, where: JobFilter, cursor: str | None) -> AsyncIterator[tuple[list[Job], str | None]]:
    while True:
        page = await engine.store.list(where, cursor=cursor, limit=_STEP)
        cursor = page.cursor
        yield page.jobs, cursor
        if cursor is None:
            return
        # Telling kinds apart computes; others have their turn.
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a step of a group's redrive came to."""

    count: int
    cursor: str | None
    """Where the next step goes on; None where there is nothing more to do."""
    is_full: bool = False
    """Whether a queue had no more room."""


async def redrive_some(engine: Engine, fingerprint: str, *, before: int, cursor: str | None) -> Redriven:
    """Run jobs of a group again, and return how many and where to go on.

    A job that was run again in this way, by whomever, is passed over while its repetition is kept: a form that is sent
    twice does nothing more.

    Args:
        engine: Whose jobs they are.
        fingerprint: The group's.
        before: Only jobs that were made before (UTC milliseconds): not those that the redrive itself makes.
        cursor: Where an earlier step ended.

    Raises:
        StoreUnavailable: The store does not answer; some may have been run again.
    """
    count, asked, looked = 0, 0, 0
    repeated: set[str | None] = set()
    where = JobFilter(state="failed", created_before=before)
    async for jobs, onward in _failed(engine, where, cursor):
        for job in jobs:
            # Newest first, so that a repetition that has failed again is met before what it repeats.
            repeated.add(job.redrive_of)
            if job.created_at >= before or kind_of(job.error).fingerprint != fingerprint or job.job_id in repeated:
                continue
            asked += 1
            if await engine.store.get(repeat_id(job)) is not None:
                continue
            try:
                await redrive(
                    job,
                    store=engine.store,
                    settings=engine.settings,
                    clock=engine.clock,
                    meters=engine.meters,
                    once=True,
                )
            except JobNotRedrivable:
                continue  # its request is no longer kept
            except QueueFull:
                return Redriven(count, None, is_full=True)
            count += 1
        looked += len(jobs)
        if count >= REDRIVEN_AT_ONCE or asked >= _ASKED_AT_ONCE or looked >= 10 * LOOKED_AT:
            return Redriven(count, onward)
    return Redriven(count, None)
