"""What the measured numbers are called, which of them have a target, and the table of all peers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from benches.results import Figure

Taken = dict[str, dict[str, list[float]]]
"""For each peer, and for each metric, every repeat."""


class Target(NamedTuple):
    """What is wanted of one of our figures."""

    metric: str
    bound: float
    """As a share of what it is compared with, or in the metric's unit where there is nothing."""
    peer: str | None = None
    """The peer whose figure of the same metric it is compared with."""
    other: str | None = None
    """The other metric of our own that it is compared with."""
    against: str = ""
    """What that other metric is called."""
    at_most: bool = False
    """Whether the bound is an upper one."""
    of: str = "ours"
    """Whose figure it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The names of what is measured, and what is wanted.

    Args:
        metrics: For each metric that every peer has, what it is and its unit.
        further: The same of those that only some have.
        targets: What is wanted of ours, in the order of the README's table.
        prefixes: For each peer that is ours, what its figures begin with there.
    """

    metrics: dict[str, tuple[str, str]]
    further: dict[str, tuple[str, str]]
    targets: tuple[Target, ...]
    prefixes: dict[str, str]


_METRICS: Final = {
    "drain": ("no-op jobs, one worker process", "jobs/s"),
    "worker_cpu": ("worker processor time for a job", "µs"),
}
_ENQUEUE: Final = {
    "sequential": ("enqueue, one after the other", "jobs/s"),
    "concurrent": ("enqueue, 50 at once", "jobs/s"),
    "bulk": ("enqueue, in bulk", "jobs/s"),
    "pickup_p50": ("pickup on an idle queue, median", "ms"),
    "pickup_p99": ("pickup on an idle queue, 99th percentile", "ms"),
    "idle": ("idle worker, of a core", "%"),
}

REDIS: Final = Table(
    metrics={
        **_METRICS,
        "store_cpu": ("Redis processor time for a job", "µs"),
        "commands": ("Redis commands for a job", ""),
        **_ENQUEUE,
        "queued": ("Redis memory for a queued job", "bytes"),
        "completed": ("Redis memory for a completed job", "bytes"),
    },
    further={
        "burn_two": ("handlers that use 5 ms of processor time, two worker processes", "jobs/s"),
        "drain_long": ("a queue of a million jobs, one worker process", "jobs/s"),
        "starlette": ("submit over HTTP on Starlette", "requests/s"),
        "fastapi": ("submit over HTTP on FastAPI", "requests/s"),
    },
    targets=(
        Target("drain", 4.0, peer="bullmq"),
        Target("drain", 15.0, peer="arq"),
        Target("drain", 15.0, peer="saq"),
        Target("sequential", 2.0, peer="saq"),
        Target("concurrent", 3.0, peer="bullmq"),
        Target("bulk", 5.0, peer="bullmq"),
        Target("worker_cpu", 25.0, at_most=True),
        Target("store_cpu", 20.0, at_most=True),
        Target("pickup_p50", 1.0, at_most=True),
        Target("pickup_p99", 2.0, at_most=True),
        Target("idle", 0.5, at_most=True),
        Target("queued", 420.0, at_most=True),
        Target("completed", 520.0, at_most=True),
        Target("burn_two", 1.8, other="burn_one", against="one worker process"),
        Target("drain_long", 0.9, other="drain_short", against="a queue of ten thousand"),
        Target("starlette", 2.5, other="saq_starlette", against="SAQ's enqueue there"),
        Target("fastapi", 0.75, other="bare_fastapi", against="bare FastAPI route"),
    ),
    prefixes={"ours": "Redis"},
)

_CLAIM: Final = {"other": "claim_empty", "against": "an empty table", "at_most": True}

SQL: Final = Table(
    metrics={**_METRICS, "store_cpu": ("PostgreSQL processor time for a job", "µs"), **_ENQUEUE},
    further={
        "claim_full": ("claim of a job beside a million finished ones, median", "ms"),
        "fastapi": ("submit over HTTP on FastAPI", "requests/s"),
    },
    targets=(
        Target("drain", 1.0, peer="pgqueuer"),
        Target("drain", 4.0, peer="chancy"),
        Target("drain", 4.0, peer="procrastinate"),
        Target("bulk", 1.0, peer="pgqueuer"),
        Target("concurrent", 4.0, peer="pgqueuer"),
        Target("pickup_p50", 3.0, at_most=True),
        Target("claim_full", 1.5, **_CLAIM),
        Target("drain", 20_000.0, of="sqlite"),
        Target("claim_full", 1.5, of="sqlite", **_CLAIM),
        Target("fastapi", 0.5, other="bare_fastapi", against="bare FastAPI route", of="sqlite"),
    ),
    prefixes={"ours": "PostgreSQL", "sqlite": "SQLite"},
)

TABLES: Final = {"7-redis": REDIS, "8-sql": SQL}
"""For each result file its table."""


def figures(table: Table, taken: Taken, titles: dict[str, str]) -> list[Figure]:
    """Return our figures with their targets, as far as both sides were measured."""
    found = (_figure(table, target, taken, titles) for target in table.targets)
    return [figure for figure in found if figure is not None]


def _figure(table: Table, target: Target, taken: Taken, titles: dict[str, str]) -> Figure | None:
    mine = taken.get(target.of, {})
    repeats = mine.get(target.metric)
    against = taken.get(target.peer, {}).get(target.metric) if target.peer else mine.get(target.other or "")
    is_compared = target.peer is not None or target.other is not None
    if repeats is None or (is_compared and against is None):
        return None
    what, unit = table.metrics.get(target.metric) or table.further[target.metric]
    prefix = table.prefixes[target.of]
    return Figure(
        what=what if what.startswith(prefix) else f"{prefix}: {what}",
        value=median(repeats),
        unit=unit,
        repeats=repeats,
        target=target.bound,
        at_most=target.at_most,
        peer=titles[target.peer] if target.peer else target.against or None,
        peer_value=median(against) if against else None,
        peer_repeats=against or [],
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def lines(table: Table, peers: dict[str, Any]) -> list[str]:
    """Return the table of medians: a row for each metric, a column for each peer."""
    taken: Taken = peers["taken"]
    titles: dict[str, str] = peers["titles"]
    names = [name for name in titles if name in taken]
    rows = [
        "| " + " | ".join(["", *(titles[name] for name in names)]) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for metric, (what, unit) in table.metrics.items():
        cells = [_number(median(taken[name][metric])) if metric in taken[name] else "" for name in names]
        if any(cells):
            rows.append("| " + " | ".join([f"{what}, {unit}".removesuffix(", "), *cells]) + " |")
    return rows
