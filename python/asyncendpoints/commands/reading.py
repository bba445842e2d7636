"""What commands ask a store besides one job: pages of jobs, and which processes live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from asyncendpoints.observability.reports import MISSED_AFTER, NO_SLOT, Card, decode_card

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import JobFilter, Reports, Store

PAGE: Final = 200
"""How many jobs are asked for at once."""


class LiveProcess(NamedTuple):
    """A process that has told of itself lately, and works."""

    name: str
    card: Card


async def signs_of(store: Store) -> Reports:
    """Return the signs of life, and the store's time, without the history."""
    return await store.reports(since=NO_SLOT)


def working(reports: Reports) -> list[LiveProcess]:
    """Return the processes that live and have a worker."""
    found: list[LiveProcess] = []
    for sign in reports.signs:
        card = decode_card(sign.card)
        if card is not None and card.worker is not None and reports.now - sign.seen_at <= MISSED_AFTER * 1000:
            found.append(LiveProcess(sign.process, card))
    return found


async def some_jobs(store: Store, where: JobFilter, *, cursor: str | None, limit: int) -> tuple[list[Job], str | None]:
    """Return at most `limit` jobs, newest first, and where to go on; None where there are no more."""
    jobs: list[Job] = []
    while True:
        page = await store.list(where, cursor=cursor, limit=min(limit - len(jobs), PAGE))
        jobs += page.jobs
        cursor = page.cursor
        # A page may be short, or empty, and still go on: the store bounds how much it looks at in one call.
        if cursor is None or len(jobs) >= limit:
            return jobs, cursor


async def all_jobs(store: Store, where: JobFilter) -> AsyncGenerator[Job]:
    """Yield every job that a filter shows, newest first."""
    cursor: str | None = None
    while True:
        page = await store.list(where, cursor=cursor, limit=PAGE)
        for job in page.jobs:
            yield job
        cursor = page.cursor
        if cursor is None:
            return
