"""Submissions over HTTP: four servers in turn, with Redis behind three of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benches.peers.bench import IncompleteError
from benches.peers.catalogue import PEERS
from benches.peers.environments import ROOT, python_of
from benches.python import load
from tests.support.redis_server import RedisServer
from tests.support.server import Server

CONNECTIONS: Final = 64
SCRIPT: Final = Path(__file__).with_name("submit.lua")
SERVERS: Final = {
    "starlette": ("ours", "benches.peers.clients.ours_http:star"),
    "saq_starlette": ("saq", "benches.peers.clients.saq_http:app"),
    "fastapi": ("ours", "benches.peers.clients.ours_http:fast"),
    "bare_fastapi": ("ours", "benches.peers.clients.ours_http:bare"),
}
"""For each server the peer whose environment it runs in, and its application."""
BARE: Final = "bare_fastapi"
"""The server that stores nothing."""
_PEERS: Final = {peer.name: peer for peer in PEERS}


class Served:
    """One of the servers with a Redis of its own; a context manager."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._stack = ExitStack()

    def __enter__(self) -> Served:
        peer, application = SERVERS[self.name]
        python = sys.executable if peer == "ours" else python_of(peer)
        with ExitStack() as stack:
            server = stack.enter_context(RedisServer())
            self._redis = stack.enter_context(server.client())
            command = [python, "-m", "uvicorn", application, "--port", "0", "--log-level", "info", "--no-access-log"]
            further = {"BENCH_REDIS_URL": server.url(), "PYTHONPATH": str(ROOT)}
            running = stack.enter_context(Server(command, environment=further))
            self._port = urlsplit(running.url).port or 0
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stored(self) -> int:
        return 0 if self.name == BARE else _PEERS[SERVERS[self.name][0]].unsettled(self._redis)

    def rate(self, seconds: float) -> float:
        """Return how many submissions a second it accepts.

        Raises:
            IncompleteError: An answer was no success, or the jobs are not in Redis.
        """
        before = self._stored()
        answer = _load(self._port, seconds)
        stored = self._stored() - before
        # What was on its way at the end, of this load or the one before, is stored and not counted as answered.
        whole = self.name == BARE or answer["answers"] <= stored <= answer["answers"] + 2 * CONNECTIONS
        if answer["errors"] or not whole:
            raise IncompleteError(f"{self.name}: {answer} came with {stored} jobs in Redis")
        return float(answer["rate"])


def _load(port: int, seconds: float) -> dict[str, Any]:
    if shutil.which("wrk") is None:
        return load.run(port, "/reports", seconds, f"{time.monotonic_ns()}")
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{max(1, round(seconds))}s"]
    address = f"http://127.0.0.1:{port}/reports"
    done = subprocess.run([*command, "--script", SCRIPT, address], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def submit(names: list[str], seconds: float, repeats: int) -> dict[str, list[float]]:
    """Load the servers in turn, while the others stand idle."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        servers = [stack.enter_context(Served(name)) for name in names]
        for server in servers:
            server.rate(1.0)
        for _ in range(repeats):
            for server in servers:
                taken[server.name].append(server.rate(seconds))
    return taken
