"""What readers ask: jobs by id, a listing, counts, and whether watched jobs have changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Page, is_job_id
from asyncendpoints.job import TERMINAL_STATES
from asyncendpoints.stores.sql.rows import key_prefix
from asyncendpoints.stores.sql.tables import STATE_CODES, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import JobFilter
    from asyncendpoints.stores.sql.transaction import News, Transaction

PASSED_OVER: Final = 1_000
"""How many jobs a page looks at beyond those that it shows: what bounds its work."""
_LATEST: Final = (1 << 62) - 1
"""Behind every time that a database keeps."""


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
    within = _within(where, cursor)
    if within is None:
        return Page([], None)
    wanted, onward = _keyed(tx, where, within, limit) or _walked(tx, where, within, limit)
    found = {job.job_id: job for job in get(tx, wanted) if job is not None}
    # One may have gone since.
    return Page([found[job_id] for job_id in wanted if job_id in found], onward)


def _walked(tx: Transaction, where: JobFilter, within: _Within, limit: int) -> tuple[list[str], str | None]:
    """Go through jobs of the time from the newest on, and return those that are wanted, and where to go on."""
    most = limit + PASSED_OVER
    wanted: list[str] = []
    last: Any = None
    onward: str | None = None
    rows = tx.run(
        tx.statements.page(failed=where.state == "failed"),
        limit=(limit if _is_open(where) else most) + 1,
        **asdict(within),
    ).all()
    for seen, row in enumerate(rows):
        if len(wanted) == limit or seen == most:
            onward = None if last is None else _cursor(last)
            break
        if _matches(where, row):
            wanted.append(row.job_id)
        last = row
    return wanted, onward


def _keyed(tx: Transaction, where: JobFilter, within: _Within, limit: int) -> tuple[list[str], str | None] | None:
    """Look up the jobs of one key, and return as `_walked` does; None where there is none, or they are too many."""
    if where.request_id is None:
        return None
    digest = key_prefix(where.request_id)
    most = limit + PASSED_OVER
    # Behind the last digit of all.
    rows = tx.run(tx.statements.keyed, digest=digest, end=f"{digest}g", limit=most + 1).all()
    if len(rows) > most:
        return None
    matching = sorted(
        (row for row in rows if _matches(where, row) and within.holds(row)),
        key=lambda row: (row.created_at, row.job_id),
        reverse=True,
    )
    shown = matching[:limit]
    return [row.job_id for row in shown], _cursor(shown[-1]) if shown and len(matching) > limit else None


@dataclass(frozen=True, slots=True)
class _Within:
    """A part of the jobs in the order of a listing: those of a time, behind a place in it."""

    since: int
    until: int
    age: int
    id: str

    def holds(self, row: Any) -> bool:
        """Tell whether a job is of it."""
        is_behind = row.created_at < self.age or row.job_id < self.id
        return self.since <= row.created_at <= self.until and is_behind


def _within(where: JobFilter, cursor: str | None) -> _Within | None:
    """Return which part a page begins with; None where it has no jobs."""
    since = max(where.created_since or 0, 0)
    until = _LATEST if where.created_before is None else min(where.created_before - 1, _LATEST)
    age, job_id = until + 1, ""
    after = _parsed(cursor)
    if after is not None and after[0] <= until:
        age, job_id = after
        until = age
    return None if since > until else _Within(since, until, age, job_id)


def _is_open(where: JobFilter) -> bool:
    """Tell whether every job that a page looks at is wanted."""
    others = (where.queue, where.handler, where.owner, where.request_id)
    return where.state in {None, "failed"} and all(other is None for other in others)


def _matches(where: JobFilter, row: Any) -> bool:
    return (
        (where.state is None or STATE_CODES.get(where.state) == row.state)
        and (where.queue is None or where.queue == row.queue)
        and (where.handler is None or where.handler == row.handler)
        and (where.owner is None or where.owner == row.owner)
        and (where.request_id is None or where.request_id == row.request_id)
    )


def _cursor(row: Any) -> str:
    return f"{row.created_at}.{row.job_id}"


def _parsed(cursor: str | None) -> tuple[int, str] | None:
    age, _, job_id = (cursor or "").partition(".")
    if not (age.isascii() and age.isdigit() and len(age) <= 18 and is_job_id(job_id)):
        return None
    return int(age), job_id
