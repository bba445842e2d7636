"""What the measured numbers are called, which of them have a target, and the table of all peers."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from benches.results import Figure

Taken = dict[str, dict[str, list[float]]]
"""For each peer, and for each metric, every repeat."""

METRICS: Final = {
    "drain": ("no-op jobs, one worker process", "jobs/s"),
    "worker_cpu": ("worker processor time for a job", "µs"),
    "redis_cpu": ("Redis processor time for a job", "µs"),
    "commands": ("Redis commands for a job", ""),
    "sequential": ("enqueue, one after the other", "jobs/s"),
    "concurrent": ("enqueue, 50 at once", "jobs/s"),
    "bulk": ("enqueue, in bulk", "jobs/s"),
    "pickup_p50": ("pickup on an idle queue, median", "ms"),
    "pickup_p99": ("pickup on an idle queue, 99th percentile", "ms"),
    "idle": ("idle worker, of a core", "%"),
    "queued": ("Redis memory for a queued job", "bytes"),
    "completed": ("Redis memory for a completed job", "bytes"),
}
"""For each metric that every peer has, what it is and its unit."""

_AGAINST_PEERS: Final = (
    ("drain", "bullmq", 4.0),
    ("drain", "arq", 15.0),
    ("drain", "saq", 15.0),
    ("sequential", "saq", 2.0),
    ("concurrent", "bullmq", 3.0),
    ("bulk", "bullmq", 5.0),
)
"""How many times as much as a peer is wanted."""
_AT_MOST: Final = {
    "worker_cpu": 25.0,
    "redis_cpu": 20.0,
    "pickup_p50": 1.0,
    "pickup_p99": 2.0,
    "idle": 0.5,
    "queued": 420.0,
    "completed": 520.0,
}
_OF_OURS: Final = {
    "burn_two": ("handlers that use 5 ms of processor time, two worker processes", "jobs/s"),
    "drain_long": ("a queue of a million jobs, one worker process", "jobs/s"),
    "starlette": ("submit over HTTP on Starlette", "requests/s"),
    "fastapi": ("submit over HTTP on FastAPI", "requests/s"),
}
_PAIRS: Final = (
    ("burn_two", "burn_one", "one worker process", 1.8),
    ("drain_long", "drain_short", "a queue of ten thousand", 0.9),
    ("starlette", "saq_starlette", "SAQ's enqueue there", 2.5),
    ("fastapi", "bare_fastapi", "bare FastAPI route", 0.75),
)


def figures(taken: Taken, titles: dict[str, str]) -> list[Figure]:
    """Return our figures with their targets, as far as both sides were measured."""
    ours = taken.get("ours", {})
    against_peers = [
        _figure(metric, ours[metric], target, peer=titles[peer], peer_repeats=taken[peer][metric])
        for metric, peer, target in _AGAINST_PEERS
        if metric in ours and metric in taken.get(peer, {})
    ]
    bounds = [
        _figure(metric, ours[metric], target, at_most=True) for metric, target in _AT_MOST.items() if metric in ours
    ]
    pairs = [
        _figure(one, ours[one], target, peer=peer, peer_repeats=ours[other])
        for one, other, peer, target in _PAIRS
        if one in ours and other in ours
    ]
    return [*against_peers, *bounds, *pairs]


def _figure(metric: str, repeats: list[float], target: float, **others: Any) -> Figure:
    what, unit = METRICS.get(metric) or _OF_OURS[metric]
    against: list[float] = others.get("peer_repeats", [])
    return Figure(
        what=what if what.startswith("Redis") else f"Redis: {what}",
        value=median(repeats),
        unit=unit,
        repeats=repeats,
        target=target,
        peer_value=median(against) if against else None,
        **others,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def lines(peers: dict[str, Any]) -> list[str]:
    """Return the table of medians: a row for each metric, a column for each peer."""
    taken: Taken = peers["taken"]
    titles: dict[str, str] = peers["titles"]
    names = [name for name in titles if name in taken]
    rows = [
        "| " + " | ".join(["", *(titles[name] for name in names)]) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for metric, (what, unit) in METRICS.items():
        cells = [_number(median(taken[name][metric])) if metric in taken[name] else "" for name in names]
        if any(cells):
            rows.append("| " + " | ".join([f"{what}, {unit}".removesuffix(", "), *cells]) + " |")
    return rows
