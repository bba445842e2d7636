"""The 202 under uvicorn, beside a bare FastAPI route with the same model that returns the same JSON."""

from __future__ import annotations

import statistics
from typing import Final
from urllib.parse import urlsplit

from benches.python.idle import processor_ms
from benches.python.load import run
from benches.results import Figure
from tests.support.server import Server

SECONDS: Final = 3.0
REPEATS: Final = 7
OPTIONS: Final = ("--log-level", "info", "--no-access-log")


def figures() -> list[Figure]:
    """Load the two servers in turn, while the other is idle; every request carries a key of its own."""
    rates: dict[str, list[float]] = {"app": [], "bare": []}
    slow: dict[str, list[float]] = {"app": [], "bare": []}
    work: dict[str, list[float]] = {"app": [], "bare": []}
    with (
        Server.uvicorn("benches.python.http_app:app", *OPTIONS) as ours,
        Server.uvicorn("benches.python.http_app:bare", *OPTIONS) as theirs,
    ):
        servers = {"app": ours, "bare": theirs}
        ports = {name: urlsplit(server.url).port or 0 for name, server in servers.items()}
        for name, port in ports.items():
            run(port, "/reports", 1.0, f"warm-{name}")
        for repeat in range(REPEATS):
            for name, port in ports.items():
                before = processor_ms(servers[name].process.pid)
                answer = run(port, "/reports", SECONDS, f"{name}-{repeat}")
                rates[name].append(answer["rate"])
                slow[name].append(answer["p99"])
                used = processor_ms(servers[name].process.pid) - before
                work[name].append(1000 * used / answer["answers"])
    rows: list[tuple[str, str, dict[str, list[float]], float | None]] = [
        ("HTTP: 202 under uvicorn, 64 connections, keys sent", "requests/s", rates, 0.8),
        ("HTTP: the same, the server's processor time for a request", "µs", work, None),
        ("HTTP: the same, 99th percentile", "ms", slow, None),
    ]
    return [
        Figure(
            what=what,
            value=statistics.median(taken["app"]),
            unit=unit,
            repeats=taken["app"],
            target=target,
            peer="bare FastAPI route",
            peer_value=statistics.median(taken["bare"]),
            peer_repeats=taken["bare"],
        )
        for what, unit, taken, target in rows
    ]
