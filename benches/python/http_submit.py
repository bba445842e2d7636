"""The 202 under uvicorn, beside a bare route of the same framework that returns the same JSON."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from benches.python.idle import processor_ms
from benches.python.load import CLIENT, CONNECTIONS, run
from benches.results import Figure
from tests.support.server import Server

SECONDS: Final = 3.0
REPEATS: Final = 7
OPTIONS: Final = ("--log-level", "info", "--no-access-log")


@dataclass(slots=True)
class Taken:
    """What was measured of one server, once for each repeat."""

    rates: list[float] = field(default_factory=list[float])
    slow: list[float] = field(default_factory=list[float])
    work: list[float] = field(default_factory=list[float])


def figures() -> list[Figure]:
    """Compare with FastAPI, where the target is, and with Starlette."""
    what = f"202 under uvicorn, {CONNECTIONS} connections, keys sent, {CLIENT}"
    fastapi, bare_fastapi = _measured("app", "bare")
    starlette, bare_starlette = _measured("starlette_app", "starlette_bare")
    peer = "bare FastAPI route"
    return [
        _figure(f"HTTP: {what}", "requests/s", (fastapi.rates, bare_fastapi.rates), peer, target=0.8),
        _figure(
            "HTTP: the same, the server's processor time for a request", "µs", (fastapi.work, bare_fastapi.work), peer
        ),
        _figure("HTTP: the same, 99th percentile", "ms", (fastapi.slow, bare_fastapi.slow), peer),
        _figure(
            "HTTP: the same with Starlette",
            "requests/s",
            (starlette.rates, bare_starlette.rates),
            "bare Starlette route",
        ),
    ]


def _measured(ours: str, bare: str) -> tuple[Taken, Taken]:
    """Load the two servers in turn, while the other is idle; every request carries a key of its own."""
    with (
        Server.uvicorn(f"benches.python.http_app:{ours}", *OPTIONS) as one,
        Server.uvicorn(f"benches.python.http_app:{bare}", *OPTIONS) as other,
    ):
        both = ((one, Taken()), (other, Taken()))
        for server, _ in both:
            run(_port(server), "/reports", 1.0, f"warm-{ours}")
        for repeat in range(REPEATS):
            for server, taken in both:
                before = processor_ms(server.process.pid)
                answer = run(_port(server), "/reports", SECONDS, f"{ours}-{repeat}")
                used = processor_ms(server.process.pid) - before
                taken.rates.append(answer["rate"])
                taken.slow.append(answer["p99"])
                taken.work.append(1000 * used / answer["answers"])
    return both[0][1], both[1][1]


def _port(server: Server) -> int:
    return urlsplit(server.url).port or 0


def _figure(
    what: str, unit: str, taken: tuple[list[float], list[float]], peer: str, *, target: float | None = None
) -> Figure:
    ours, theirs = taken
    return Figure(
        what=what,
        value=statistics.median(ours),
        unit=unit,
        repeats=ours,
        target=target,
        peer=peer,
        peer_value=statistics.median(theirs),
        peer_repeats=theirs,
    )
