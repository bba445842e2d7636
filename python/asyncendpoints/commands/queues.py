"""`asyncendpoints queues`: what waits where, who works on it, and to pause and resume."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, get_args

from asyncendpoints.commands.exits import DONE, OPERATOR_CODES
from asyncendpoints.commands.job_texts import as_json
from asyncendpoints.commands.reading import signs_of, working
from asyncendpoints.commands.tables import room, table
from asyncendpoints.commands.targets import add_target, opened
from asyncendpoints.job import JobState
from asyncendpoints.observability.durations import in_words
from asyncendpoints.policy import checked_queue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from asyncendpoints.commands.family import Commands
    from asyncendpoints.commands.reading import LiveProcess
    from asyncendpoints.stores.base import StoreStats

_VERBS: Final = ("list", "pause", "resume")


def in_full(arguments: Sequence[str]) -> list[str]:
    """Return a command line in which `queues TARGET` stands as `queues list TARGET`."""
    given = list(arguments)
    if given[:1] == ["queues"] and len(given) > 1 and given[1] not in {*_VERBS, "-h", "--help"}:
        given.insert(1, "list")
    return given


def add_queues(commands: Commands) -> None:
    """Add the family."""
    purpose = "show what waits in queues and who works on them; pause and resume one"
    family = commands.add_parser(
        "queues", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=OPERATOR_CODES
    )
    verbs = family.add_subparsers(required=True, metavar="verb")
    for name, purpose in (
        ("list", "show the queues; the verb may be left out"),
        ("pause", "let nothing be claimed from a queue, whoever works on it; what runs goes on"),
        ("resume", "let jobs of a queue be claimed again"),
    ):
        verb = verbs.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=OPERATOR_CODES
        )
        add_target(verb)
        verb.add_argument("--json", action="store_true", help="one JSON document, for programs to read")
        if name == "list":
            verb.set_defaults(run=_list)
        else:
            verb.add_argument("queue", metavar="NAME")
            verb.set_defaults(run=_pause, paused=name == "pause")


def _list(options: argparse.Namespace) -> int:
    async def read() -> str:
        async with opened(options.target) as engine:
            stats, reports = await asyncio.gather(engine.store.stats(), signs_of(engine.store))
        processes = working(reports)
        names = sorted({*stats.counts, *stats.paused, *(queue for each in processes for queue in each.card.queues)})
        if options.json:
            return as_json({"now": reports.now, "queues": [_members(name, stats, processes) for name in names]})
        if not names:
            return "There are no queues yet: no job has been stored, and no process works.\n"
        heads = ("QUEUE", "PAUSED", *(state.upper() for state in get_args(JobState)), "OLDEST", "PROCESSES", "BUSY")
        rows = [_row(name, stats, processes, reports.now) for name in names]
        return table(heads, rows, within=room(), shrinks=("QUEUE",))

    sys.stdout.write(asyncio.run(read()))
    return DONE


def _row(name: str, stats: StoreStats, processes: Sequence[LiveProcess], now: int) -> tuple[str, ...]:
    here = [each.card for each in processes if name in each.card.queues]
    oldest = stats.oldest_ready_at.get(name)
    return (
        name,
        "yes" if name in stats.paused else "no",
        *(str(stats.counts.get(name, {}).get(state, 0)) for state in get_args(JobState)),
        "" if oldest is None else in_words(now - oldest),
        str(len(here)),
        f"{sum(card.busy for card in here)}/{sum(card.slots for card in here)}",
    )


def _members(name: str, stats: StoreStats, processes: Sequence[LiveProcess]) -> dict[str, Any]:
    return {
        "name": name,
        "paused": name in stats.paused,
        "counts": {state: stats.counts.get(name, {}).get(state, 0) for state in get_args(JobState)},
        "oldestReadyAt": stats.oldest_ready_at.get(name),
        "processes": [
            {
                "name": each.name,
                "host": each.card.host,
                "pid": each.card.pid,
                "worker": each.card.worker,
                "slots": each.card.slots,
                "busy": each.card.busy,
                "draining": each.card.draining,
            }
            for each in processes
            if name in each.card.queues
        ],
    }


def _pause(options: argparse.Namespace) -> int:
    queue, paused = checked_queue(options.queue), bool(options.paused)

    async def write() -> bool:
        async with opened(options.target) as engine:
            before = await engine.store.stats()
            await engine.store.pause(queue, paused)
            return (queue in before.paused) != paused

    changed = asyncio.run(write())
    if options.json:
        sys.stdout.write(as_json({"name": queue, "paused": paused, "changed": changed}))
    else:
        word = "paused" if paused else "resumed"
        sys.stdout.write(f"Queue {queue} is {word}.\n" if changed else f"Queue {queue} was {word} already.\n")
    return DONE
