"""What readers ask: jobs by id, a listing, counts, and whether watched jobs have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Page, is_job_id
from asyncendpoints.job import TERMINAL_STATES
from asyncendpoints.stores.sql.tables import STATE_CODES, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import JobFilter
    from asyncendpoints.stores.sql.transaction import News, Transaction

PASSED_OVER: Final = 1_000
"""How many jobs a page looks at beyond those that it shows: what bounds its work."""


def get(tx: Transaction, ids: Sequence[str]) -> list[Job | None]:
    """Return jobs, None for each that is not there."""
    rows = tx.rows(tx.statements.jobs, ids=tx.packed(list(dict.fromkeys(ids))))
    found = {job.job_id: job for job in tx.jobs(rows)}
    return [found.get(job_id) for job_id in ids]


def changed(tx: Transaction, watched: Mapping[str, int]) -> list[str]:
    """Return which jobs are above the version that is waited for, or done, or gone."""
    rows = tx.tuples(tx.statements.versions, ids=tx.packed(list(watched)))
    found = {job_id: (version, state_of(state)) for job_id, version, state in rows}
    return [
        job_id
        for job_id, version in watched.items()
        if job_id not in found or found[job_id][0] > version or found[job_id][1] in TERMINAL_STATES
    ]


def adopt(tx: Transaction, news: News) -> bool:
    """Tell the news of another transaction, once it is committed: once what it has written can be seen."""
    if not tx.tuples(tx.statements.versions, ids=tx.packed(news.changed)):
        return False
    tx.news.queues |= news.queues
    tx.news.changed += news.changed
    return True


def listing(tx: Transaction, where: JobFilter, *, cursor: str | None, limit: int) -> Page:
    """Show at most `limit` jobs, newest first; a cursor that is none of this store's starts at the newest."""
    after = _parsed(cursor)
    most = limit + PASSED_OVER
    values: dict[str, Any] = {} if after is None else {"age": after[0], "id": after[1]}
    page = tx.statements.page(failed=where.state == "failed", after=after is not None)
    wanted: list[str] = []
    last: Any = None
    onward: str | None = None
    is_open = where.queue is None and where.handler is None and where.owner is None and where.state in {None, "failed"}
    rows = tx.run(page, limit=(limit if is_open else most) + 1, **values).all()
    for seen, row in enumerate(rows):
        if len(wanted) == limit or seen == most:
            onward = None if last is None else f"{last.created_at}.{last.job_id}"
            break
        if _matches(where, row):
            wanted.append(row.job_id)
        last = row
    found = {job.job_id: job for job in get(tx, wanted) if job is not None}
    # One may have gone since.
    return Page([found[job_id] for job_id in wanted if job_id in found], onward)


def _matches(where: JobFilter, row: Any) -> bool:
    return (
        (where.state is None or STATE_CODES.get(where.state) == row.state)
        and (where.queue is None or where.queue == row.queue)
        and (where.handler is None or where.handler == row.handler)
        and (where.owner is None or where.owner == row.owner)
    )


def _parsed(cursor: str | None) -> tuple[int, str] | None:
    age, _, job_id = (cursor or "").partition(".")
    if not (age.isascii() and age.isdigit() and len(age) <= 18 and is_job_id(job_id)):
        return None
    return int(age), job_id
