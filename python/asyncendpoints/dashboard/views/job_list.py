"""The list of jobs, whose filters are its address."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from asyncendpoints._core import is_job_id
from asyncendpoints.dashboard.look import Moved, Page
from asyncendpoints.dashboard.rendering import STATES
from asyncendpoints.policy import NAME
from asyncendpoints.stores.base import JobFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.dashboard.look import Look
    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Store

PAGE_SIZE: Final = 50
"""How many jobs a page shows."""

_CALLS: Final = 3
"""How often a page asks the store to look on, where what it looked at did not match."""
_LONGEST: Final = 255
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows, as the visitor has said it."""

    where: JobFilter
    said: dict[str, str] = field(default_factory=dict[str, str])
    """The filters that are set, as they stand in the address."""
    wrong: dict[str, str] = field(default_factory=dict[str, str])
    """What is wrong with a filter, in a sentence."""

    def address(self, **changes: str | None) -> str:
        """Return the query of a list with some filters changed; None takes one away."""
        said = {**self.said, **changes}
        text = urlencode({name: value for name, value in said.items() if value})
        return f"?{text}" if text else ""


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters of an address; what cannot be one is told, and not passed over."""
    filters = Filters(JobFilter())
    found: dict[str, Any] = {}
    for name, member in (("endpoint", "handler"), ("owner", "owner"), ("request", "request_id"), ("queue", "queue")):
        value = query.get(name, "").strip()
        if not value:
            continue
        filters.said[name] = value
        found[member] = value
        if len(value) > _LONGEST or not value.isprintable():
            filters.wrong[name] = f"At most {_LONGEST} printable characters."
        elif name == "queue" and not NAME.fullmatch(value):
            filters.wrong[name] = "No queue can have this name."
    state = query.get("state", "")
    if state in STATES:
        filters.said["state"] = state
        found["state"] = state
    elif state:
        filters.wrong["state"] = f"There is no state {state[:40]!r}."
    for name, member in (("since", "created_since"), ("before", "created_before")):
        value = query.get(name, "").strip()
        if value:
            filters.said[name] = value
            try:
                found[member] = _parsed_time(value)
            except ValueError:
                filters.wrong[name] = "A time in UTC such as 2026-11-23T14:30."
    return replace(filters, where=JobFilter(**found))


def _parsed_time(text: str) -> int:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    # An offset may lead beyond the years that stores know.
    return min(max(int(when.timestamp() * 1000), 0), _LAST_MS)


async def some_jobs(store: Store, where: JobFilter, cursor: str | None) -> tuple[list[Job], str | None, bool]:
    """Return a page of jobs, where to go on, and whether the page is short because the search was cut off."""
    jobs: list[Job] = []
    for _ in range(_CALLS):
        page = await store.list(where, cursor=cursor, limit=PAGE_SIZE - len(jobs))
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None or len(jobs) >= PAGE_SIZE:
            return jobs, cursor, False
    return jobs, cursor, True


async def job_list(look: Look) -> Page:
    """Show jobs, newest first, by the filters of the address.

    Raises:
        Moved: A job's id was looked for.
    """
    wanted = look.query.get("find", "").strip()
    if is_job_id(wanted.lower()):
        raise Moved(f"jobs/{wanted.lower()}")
    filters = read_filters({**look.query, "request": wanted} if wanted else look.query)
    snapshot = await look.snapshot()
    cursor = look.query.get("cursor") or None
    jobs: list[Job] = []
    onward: str | None = None
    is_cut = False
    if not filters.wrong:
        jobs, onward, is_cut = await some_jobs(look.engine.store, filters.where, cursor)
    registry = look.engine.registry
    return Page(
        "jobs",
        "Jobs",
        {
            "now": snapshot.now,
            "counts": {state: snapshot.count(state, filters.where.queue) for state in STATES},
            "filters": filters,
            "jobs": jobs,
            "older": None if onward is None else filters.address(cursor=onward),
            "is_cut": is_cut,
            "is_further": cursor is not None,
            "endpoints": sorted({*registry.names, *snapshot.past.window("hour").endpoints}),
            "queues": sorted({*registry.queues, *snapshot.stats.counts}),
        },
        status=400 if filters.wrong else 200,
        # What is further back stays as it is.
        live=cursor is None and not filters.wrong,
    )
