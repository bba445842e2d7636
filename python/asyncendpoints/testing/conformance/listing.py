"""What can be asked about many jobs at once: what is held is shown, once (SUB-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.submit import HOSTILE_TEXTS

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


async def _all(on: Subject, limit: int = 100, **where: Any) -> list[str]:
    """Follow the cursors to the end."""
    ids: list[str] = []
    cursor: str | None = None
    for _ in range(10_000):
        page = await on.store.list(JobFilter(**where), cursor=cursor, limit=limit)
        holds("a page is never longer than its limit", len(page.jobs) <= limit)
        ids += [job.job_id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            return ids
    raise AssertionError("the cursors of a listing never end")


@rule()
async def sub_1_a_listing_shows_every_job_once_newest_first(on: Subject) -> None:
    """SUB-1: Following the cursors shows every job exactly once, newest first, for every page size."""
    ids: list[str] = []
    for _ in range(23):
        ids.append((await on.submit()).job_id)
        on.advance(1)
    for limit in (1, 5, 23, 100):
        same(f"pages of {limit}", await _all(on, limit=limit), ids[::-1])


@rule()
async def sub_1_a_listing_is_filtered_by_every_member(on: Subject) -> None:
    """SUB-1: A filter shows the jobs that match all its members, and no others."""
    plan = [
        ("a", "one", "ada"),
        ("a", "two", None),
        ("b", "one", "bob"),
        ("a", "one", "bob"),
        ("b", "two", "ada"),
    ]
    ids: list[str] = []
    for queue, handler, owner in plan:
        ids.append((await on.submit(queue=queue, handler=handler, owner=owner)).job_id)
        on.advance(1)
    await on.store.cancel(ids[3], now=on.now)
    for where, expected in (
        ({"queue": "a"}, [3, 1, 0]),
        ({"handler": "one"}, [3, 2, 0]),
        ({"owner": "ada"}, [4, 0]),
        ({"state": "canceled"}, [3]),
        ({"state": "queued", "queue": "a"}, [1, 0]),
        ({"queue": "b", "handler": "two", "owner": "ada", "state": "queued"}, [4]),
        ({"owner": "nobody"}, []),
        ({"queue": "A"}, []),
    ):
        same(f"where {where}", await _all(on, limit=2, **where), [ids[index] for index in expected])


@rule()
async def sub_1_a_filter_is_a_value_never_a_pattern(on: Subject) -> None:
    """SUB-1: Wildcards and quotes in a filter are plain characters."""
    await on.submit(handler="plain", owner="ada")
    for text in ("%", "_", "*", "ad_", "a%", "' OR 1=1 --", *HOSTILE_TEXTS):
        same(f"an owner {text!r} who has none", await _all(on, owner=text), [])
        same(f"a handler {text!r} that has none", await _all(on, handler=text), [])


@rule()
async def sub_1_a_cursor_holds_while_jobs_come_change_and_go(on: Subject) -> None:
    """SUB-1: Jobs there from the first page to the last are listed once, whatever others do."""
    ids: list[str] = []
    for _ in range(12):
        ids.append((await on.submit()).job_id)
        on.advance(1)
    seen: list[str] = []
    gone: set[str] = set()
    cursor: str | None = None
    for step in range(1_000):
        page = await on.store.list(JobFilter(), cursor=cursor, limit=2)
        seen += [job.job_id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
        if step < len(ids) // 2:
            await on.submit()
            leaving = page.jobs[-1].job_id if page.jobs and step % 2 else ids[step]
            await on.store.cancel(leaving, now=on.now)
            if await on.store.delete(leaving):
                gone.add(leaving)
        on.advance(1)
    same("listed more than once", len(seen), len(set(seen)))
    stayed = [job_id for job_id in ids[::-1] if job_id not in gone]
    same("those that stayed", [job_id for job_id in seen if job_id in stayed], stayed)


@rule()
async def sub_1_stats_count_every_job_in_its_queue_and_state(on: Subject) -> None:
    """SUB-1: The counts of a queue are those of its jobs, and the oldest waiting one is known."""
    await on.finish("completed", queue="a")
    await on.finish("failed", queue="a")
    await on.finish("canceled", queue="a")
    await on.start(queue="a")
    on.advance(10)
    first = await on.submit(queue="a", priority=-5)
    on.advance(10)
    await on.submit(queue="a", priority=5)
    await on.submit(queue="b", delay_ms=1_000)
    stats = await on.store.stats(now=on.now)
    counts = {
        queue: {state: number for state, number in states.items() if number} for queue, states in stats.counts.items()
    }
    same(
        "counts",
        {queue: states for queue, states in counts.items() if states},
        {
            "a": {"completed": 1, "failed": 1, "canceled": 1, "in_progress": 1, "queued": 2},
            "b": {"scheduled": 1},
        },
    )
    same("the oldest that waits", stats.oldest_ready_at, {"a": first.created_at})
