"""`asyncendpoints jobs`: list, show, cancel and redrive."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from asyncendpoints.commands.exits import DONE, NOT_FOUND, OPERATOR_CODES, REFUSED
from asyncendpoints.commands.job_texts import as_json, job_members, job_page, job_table
from asyncendpoints.commands.reading import all_jobs, signs_of, some_jobs
from asyncendpoints.commands.tables import room, table
from asyncendpoints.commands.targets import add_target, opened
from asyncendpoints.commands.times import parse_time
from asyncendpoints.errors import ConfigurationError, JobNotCancelable, JobNotFound, JobNotRedrivable, QueueFull
from asyncendpoints.job import JobState
from asyncendpoints.reasons import why_not_running
from asyncendpoints.stores.base import JobFilter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from asyncendpoints.commands.family import Commands
    from asyncendpoints.engine import Engine

MOST: Final = 10_000
"""How many jobs a listing shows at most; a cursor goes on."""


class Done(NamedTuple):
    """What became of one job that was named."""

    job_id: str
    word: str
    """`canceled`, `requested`, `already`, `redriven`, `missing`, `refused` or `queue_full`."""
    new_job_id: str | None = None


_CODES: Final = {"missing": NOT_FOUND, "refused": REFUSED, "queue_full": REFUSED}
_TEXTS: Final = {
    "canceled": "canceled",
    "requested": "asked to end; its handler is told",
    "already": "was canceled already",
    "redriven": "is repeated by a new job",
    "missing": "does not exist",
    "refused": "refused: it is not in a state for it",
    "queue_full": "refused: its queue is full",
}


def add_jobs(commands: Commands) -> None:
    """Add the family."""
    purpose = "list jobs, show one, cancel or redrive some"
    family = commands.add_parser(
        "jobs", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=OPERATOR_CODES
    )
    verbs = family.add_subparsers(required=True, metavar="verb")
    listing = _verb(verbs, "list", "list jobs, newest first", _list)
    _add_filters(listing)
    listing.add_argument("--state", choices=get_args(JobState), help="only jobs in this state")
    listing.add_argument("--request-id", metavar="KEY", help="only jobs that came with this idempotency key")
    listing.add_argument("--limit", type=_parse_limit, default=50, help=f"how many, at most {MOST}; 50 by default")
    listing.add_argument("--cursor", help="go on where an earlier listing ended")
    show = _verb(verbs, "show", "show a job, its attempts, and why it is not running", _show)
    show.add_argument("job_id", metavar="ID")
    cancel = _verb(
        verbs, "cancel", "cancel jobs: at once where they wait, by telling their handlers where they run", _cancel
    )
    cancel.add_argument("job_ids", metavar="ID", nargs="+")
    redrive = _verb(verbs, "redrive", "make new jobs that repeat failed ones", _redrive)
    redrive.add_argument("job_ids", metavar="ID", nargs="*")
    redrive.add_argument(
        "--failed",
        action="store_true",
        help="all failed jobs that the filters show, but for those that a kept job repeats already",
    )
    _add_filters(redrive)
    redrive.add_argument(
        "--yes", action="store_true", help="with --failed: do it; without, only say how many there are"
    )


def _verb(
    verbs: Commands, name: str, purpose: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=OPERATOR_CODES
    )
    add_target(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document, for programs to read")
    parser.set_defaults(run=run)
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="NAME", help="only jobs of this endpoint or handler")
    parser.add_argument("--queue", metavar="NAME", help="only jobs of this queue")
    parser.add_argument("--owner", help="only jobs of this owner")
    when = "a time in UTC such as 2026-11-23T14:30, or how long ago: 90s, 15min, 2h, 7d"
    parser.add_argument("--since", metavar="TIME", type=parse_time, help=f"only jobs created then or later: {when}")
    parser.add_argument("--before", metavar="TIME", type=parse_time, help="only jobs created before, likewise")


def _parse_limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST}, not {text!r}")
    return int(text)


def _filter(options: argparse.Namespace, **more: Any) -> JobFilter:
    return JobFilter(
        handler=options.endpoint, queue=options.queue, owner=options.owner, created_since=options.since, **more
    )


def _list(options: argparse.Namespace) -> int:
    where = _filter(options, state=options.state, request_id=options.request_id, created_before=options.before)

    async def read() -> str:
        async with opened(options.target) as engine:
            jobs, cursor = await some_jobs(engine.store, where, cursor=options.cursor, limit=options.limit)
            if options.json:
                return as_json({"jobs": [job_members(job) for job in jobs], "cursor": cursor})
            if not jobs:
                return "There are no such jobs.\n"
            now = (await signs_of(engine.store)).now
            more = "" if cursor is None else f"More with --cursor {cursor}\n"
            return job_table(jobs, now, within=room()) + more

    return _told(asyncio.run(read()))


def _show(options: argparse.Namespace) -> int:
    async def read() -> str:
        async with opened(options.target) as engine:
            job = await engine.get(options.job_id)
            stats, reports = await asyncio.gather(engine.store.stats(), signs_of(engine.store))
            reasons = why_not_running(job, stats, reports.signs, reports.now)
            if options.json:
                told = [{name: getattr(each, name) for name in each.__struct_fields__} for each in reasons]
                return as_json({**job_members(job), "reasons": told})
            return job_page(job, reasons, reports.now, within=room())

    try:
        return _told(asyncio.run(read()))
    except JobNotFound as error:
        sys.stderr.write(f"asyncendpoints: {error}\n")
        return NOT_FOUND


def _cancel(options: argparse.Namespace) -> int:
    async def one(engine: Engine, job_id: str) -> Done:
        try:
            return Done(job_id, (await engine.cancel(job_id)).word)
        except JobNotFound:
            return Done(job_id, "missing")
        except JobNotCancelable:
            return Done(job_id, "refused")

    return _each(options, options.job_ids, one)


async def _redrive_one(engine: Engine, job_id: str, *, once: bool = False) -> Done:
    try:
        return Done(job_id, "redriven", (await engine.redrive(job_id, once=once)).job_id)
    except JobNotFound:
        return Done(job_id, "missing")
    except JobNotRedrivable:
        return Done(job_id, "refused")
    except QueueFull:
        return Done(job_id, "queue_full")


def _redrive(options: argparse.Namespace) -> int:
    if options.failed == bool(options.job_ids):
        raise ConfigurationError("name the jobs to redrive, or say --failed, and not both")
    if not options.failed:
        return _each(options, options.job_ids, _redrive_one)

    async def find() -> list[str]:
        async with opened(options.target) as engine:
            return await _failed(engine, options)

    job_ids = asyncio.run(find())
    if job_ids and not options.yes:
        text = f"{_jobs(len(job_ids))} would be redriven; say --yes to do it.\n"
        _told(as_json({"wouldAffect": len(job_ids), "affected": 0, "jobs": []}) if options.json else text)
        return REFUSED
    # Another command, or somebody at the dashboard, may be doing the same.
    return _each(options, job_ids, partial(_redrive_one, once=True))


async def _failed(engine: Engine, options: argparse.Namespace) -> list[str]:
    # Newest first, so that what repeats a job is met before the job itself. Whoever runs the command twice does not
    # want the same work twice; what was made after `before` counts as well.
    found: list[str] = []
    repeated: set[str] = set()
    async for job in all_jobs(engine.store, _filter(options)):
        if job.redrive_of is not None:
            repeated.add(job.redrive_of)
        in_time = options.before is None or job.created_at < options.before
        if job.state == "failed" and not job.stripped and in_time and job.job_id not in repeated:
            found.append(job.job_id)
    return found


def _each(options: argparse.Namespace, job_ids: Sequence[str], act: Callable[[Engine, str], Awaitable[Done]]) -> int:
    async def run() -> list[Done]:
        async with opened(options.target) as engine:
            return [await act(engine, job_id) for job_id in dict.fromkeys(job_ids)]

    done = asyncio.run(run())
    affected = sum(each.word in {"canceled", "requested", "redriven"} for each in done)
    if options.json:
        told = [{"jobId": each.job_id, "outcome": each.word, "newJobId": each.new_job_id} for each in done]
        _told(as_json({"affected": affected, "jobs": told}))
    else:
        rows = [(each.job_id, _TEXTS[each.word], each.new_job_id or "") for each in done]
        _told(
            (table(("JOB", "OUTCOME", "NEW JOB"), rows, within=None) if rows else "") + f"{_jobs(affected)} affected.\n"
        )
    return min((_CODES.get(each.word, DONE) for each in done), key=_SEVERITY.index, default=DONE)


_SEVERITY: Final = (NOT_FOUND, REFUSED, DONE)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _told(text: str) -> int:
    sys.stdout.write(text)
    return DONE
