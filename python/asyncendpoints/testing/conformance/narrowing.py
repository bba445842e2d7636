"""Listings narrowed by when jobs were created and by the client's key: LST-1 and LST-2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.testing.conformance.subject import Subject

CROWD = 1_500
"""More jobs than one page looks at."""
AT_ONCE = 250


async def pages(on: Subject, limit: int = 100, /, **where: Any) -> list[list[str]]:
    """Follow the cursors to the end; return the ids of each page."""
    found: list[list[str]] = []
    cursor: str | None = None
    for _ in range(10_000):
        page = await on.store.list(JobFilter(**where), cursor=cursor, limit=limit)
        holds("a page is never longer than its limit", len(page.jobs) <= limit)
        found.append([job.job_id for job in page.jobs])
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the cursors of a listing never end")


async def _listed(on: Subject, limit: int = 100, /, **where: Any) -> list[str]:
    return [job_id for page in await pages(on, limit, **where) for job_id in page]


async def _crowd(on: Subject, **fields: Any) -> None:
    """Store many jobs at one moment, then let a millisecond pass."""
    for _ in range(0, CROWD, AT_ONCE):
        await on.enqueue(*[on.new_job(**fields) for _ in range(AT_ONCE)])
    on.advance(1)


async def _one_each(on: Subject, count: int, **fields: Any) -> list[tuple[str, int]]:
    """Store jobs 10 ms apart; return each one's id and creation, newest first."""
    made: list[tuple[str, int]] = []
    for _ in range(count):
        job = await on.submit(**fields)
        made.append((job.job_id, job.created_at))
        on.advance(10)
    return made[::-1]


def _within(made: Sequence[tuple[str, int]], since: int | None, before: int | None) -> list[str]:
    return [
        job_id
        for job_id, created_at in made
        if (since is None or created_at >= since) and (before is None or created_at < before)
    ]


@rule()
async def lst_1_a_listing_may_begin_and_end_at_a_time(on: Subject) -> None:
    """LST-1: Jobs created at `created_since` or later and before `created_before` are listed, to the millisecond."""
    made = await _one_each(on, 7)
    first, last = made[-1][1], made[0][1]
    moments = (None, 0, first - 1, first, first + 1, first + 30, first + 35, last, last + 1, last + 86_400_000)
    for since in moments:
        for before in moments:
            where = {"created_since": since, "created_before": before}
            same(f"where {where}", await _listed(on, 2, **where), _within(made, since, before))


@rule()
async def lst_1_jobs_of_one_millisecond_are_on_one_side_of_a_bound(on: Subject) -> None:
    """LST-1: A bound never parts jobs that were created at the same time, whatever their ids."""
    earlier = await _one_each(on, 2)
    at = on.now
    together = [on.new_job() for _ in range(9)]
    await on.enqueue(*together[::-1])
    ids = sorted((job.job_id for job in together), reverse=True)
    on.advance(1)
    await on.submit()
    same("before it", await _listed(on, 4, created_before=at), [job_id for job_id, _ in earlier])
    same("only it", await _listed(on, 4, created_since=at, created_before=at + 1), ids)
    same("since it", (await _listed(on, 4, created_since=at))[1:], ids)
    same("since after it", len(await _listed(on, 4, created_since=at + 1)), 1)


@rule()
async def lst_1_the_bounds_are_of_the_creation_whatever_happens_later(on: Subject) -> None:
    """LST-1: A job that waits, runs, ends or is tried again stays where its creation has put it."""
    made = await _one_each(on, 5)
    middle = made[2][1]
    claim = await on.take()
    await on.settle(claim, "raised")
    await on.store.cancel(made[1][0], now=on.now)
    on.advance(60_000)
    same("since", await _listed(on, created_since=middle), _within(made, middle, None))
    same("before", await _listed(on, created_before=middle), _within(made, None, middle))


@rule()
async def lst_1_failed_jobs_are_narrowed_by_their_creation(on: Subject) -> None:
    """LST-1: Among failed jobs, too, bounds are those of the creation, not those of the end."""
    made: list[tuple[str, int]] = []
    for number in range(6):
        job = await on.finish("completed" if number == 3 else "failed", queue=f"q{number % 2}", owner="ada")
        if number != 3:
            made.append((job.job_id, job.created_at))
        on.advance(10)
    made.reverse()
    for since, before in ((made[3][1], None), (None, made[1][1]), (made[3][1], made[1][1]), (made[0][1] + 1, None)):
        where = {"state": "failed", "created_since": since, "created_before": before}
        for limit in (1, 100):
            same(f"where {where}", await _listed(on, limit, **where), _within(made, since, before))
    where = {"state": "failed", "queue": "q0", "owner": "ada", "created_before": made[1][1]}
    same(f"where {where}", await _listed(on, 1, **where), [made[2][0], made[4][0]])


@rule()
async def lst_1_a_clock_set_back_hides_no_job_from_a_bound(on: Subject) -> None:
    """LST-1: Where the store's clock was set back, bounds still show every job that was created within them."""
    made = await _one_each(on, 3)
    there = on.now
    early = on.now - 100_000
    for step in range(3):
        (answer,) = await on.store.enqueue([on.new_job()], now=early + step)
        holds("stored under the earlier time", answer.job is not None and answer.job.created_at == early + step)
        made.append((answer.job.job_id if answer.job else "", early + step))
    made += await _one_each(on, 3)
    for since, before in (
        (None, early + 2),
        (early + 1, early + 2),
        (early, None),
        (None, there),
        (there, None),
        (early + 1, there + 5),
    ):
        where = {"created_since": since, "created_before": before}
        same(f"where {where}", sorted(await _listed(on, 2, **where)), sorted(_within(made, since, before)))


@rule()
async def lst_1_jobs_are_found_by_the_clients_key(on: Subject) -> None:
    """LST-1: A filter by request id shows the jobs with this very key, of every scope, and those without one never."""
    wanted: list[str] = []
    for key, scope in (("k", "a"), (None, ""), ("K", "a"), ("k", "b"), ("kk", "a"), ("k%", "a"), ("it's", "a")):
        fields = {} if key is None else {"key": key, "scope": scope, "fingerprint": b"f" * 32}
        job = await on.submit(**fields)
        wanted = [job.job_id, *wanted] if key == "k" else wanted
        on.advance(10)
    same("the key", await _listed(on, 1, request_id="k"), wanted)
    for key, found in (("K", 1), ("k%", 1), ("it's", 1), ("", 0), ("%", 0), ("k_", 0), ("None", 0), ("nobody", 0)):
        same(f"jobs with the key {key!r}", len(await _listed(on, request_id=key)), found)


@rule()
async def lst_1_members_of_a_filter_hold_together(on: Subject) -> None:
    """LST-1: Key, times, state, queue, handler and owner narrow a listing together, across its pages."""
    jobs: list[tuple[str, dict[str, Any], int]] = []
    for number in range(16):
        fields = {
            "queue": f"q{number % 2}",
            "owner": ("ada", None)[number // 2 % 2],
            "handler": ("one", "two")[number // 4 % 2],
        }
        job = await on.submit(**fields, key="k", scope=f"s{number}", fingerprint=b"f" * 32)
        jobs.insert(0, (job.job_id, fields, job.created_at))
        if number % 3 == 0:
            await on.store.cancel(job.job_id, now=on.now)
            fields["state"] = "canceled"
        on.advance(10)
    since, before = jobs[-3][2], jobs[1][2]
    for named in (
        {"queue": "q1"},
        {"owner": "ada", "handler": "two"},
        {"state": "canceled"},
        {"state": "canceled", "queue": "q0", "owner": "ada"},
    ):
        expected = [
            job_id
            for job_id, fields, created_at in jobs
            if since <= created_at < before and all(fields.get(name) == value for name, value in named.items())
        ]
        where = {**named, "request_id": "k", "created_since": since, "created_before": before}
        same(f"where {named}", await _listed(on, 1, **where), expected)


@rule()
async def lst_2_a_listing_begins_at_a_time_without_passing_what_is_newer(on: Subject) -> None:
    """LST-2: With `created_before` the first page shows what is there, however many jobs are newer."""
    made = await _one_each(on, 3, owner="ada")
    at = on.now
    await _crowd(on, owner="bob")
    filters: tuple[dict[str, Any], ...] = ({}, {"owner": "ada"}, {"queue": "default", "state": "queued"})
    for where in filters:
        (first, *_) = await pages(on, created_before=at, **where)
        same(f"the first page, {where}", first, [job_id for job_id, _ in made])


@rule()
async def lst_2_a_listing_ends_at_a_time_without_walking_what_is_older(on: Subject) -> None:
    """LST-2: With `created_since` a listing ends soon behind the last job that it shows."""
    await _crowd(on)
    made = await _one_each(on, 3)
    found = await pages(on, created_since=made[-1][1], owner=None)
    same("the jobs", [job_id for page in found for job_id in page], [job_id for job_id, _ in made])
    holds("the listing ends with its first page, or with the one behind it", len(found) <= 2)
    found = await pages(on, created_since=on.now + 1)
    same("since a time that has not come", [job_id for page in found for job_id in page], [])
    holds("a listing of nothing ends as soon", len(found) <= 2)


@rule()
async def lst_2_a_filter_that_little_matches_is_bounded_work(on: Subject) -> None:
    """LST-2: Where few jobs match, pages are short or empty and carry cursors, which lead to every match, and end."""
    job = await on.submit(owner="ada", key="k")
    on.advance(1)
    await _crowd(on, owner="bob")
    for where in ({"request_id": "k"}, {"owner": "ada"}, {"owner": "ada", "request_id": "k", "state": "queued"}):
        same(f"where {where}", await _listed(on, 2, **where), [job.job_id])
    nothing = ({"request_id": "none"}, {"owner": "bob", "request_id": "k"}, {"state": "failed", "request_id": "k"})
    for where in nothing:
        same(f"where {where}", await _listed(on, **where), [])
