"""Submissions over HTTP: servers in turn, each with a database of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from benches.peers.bench import IncompleteError
from benches.peers.environments import ROOT
from benches.python import load
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benches.peers.catalogue import Peer

CONNECTIONS: Final = 64
SCRIPT: Final = Path(__file__).with_name("submit.lua")
BARE: Final = "bare_"
"""What the names of servers begin with that store nothing."""


class Served:
    """One of the servers with a database of its own; a context manager.

    Args:
        name: The server's.
        peer: Whose environment and database it has.
        application: What it serves.
    """

    def __init__(self, name: str, peer: Peer, application: str) -> None:
        self.name = name
        self._peer = peer
        self._application = application
        self._stack = ExitStack()

    def __enter__(self) -> Served:
        with ExitStack() as stack:
            self._database = stack.enter_context(self._peer.database())
            # The client's command begins with the interpreter of the peer's environment.
            command = [self._peer.client()[0], "-m", "uvicorn", self._application, "--port", "0"]
            further = {"BENCH_STORE_URL": self._database.url, "PYTHONPATH": str(ROOT)}
            running = stack.enter_context(
                Server([*command, "--log-level", "info", "--no-access-log"], environment=further)
            )
            self._port = urlsplit(running.url).port or 0
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def _is_bare(self) -> bool:
        return self.name.startswith(BARE)

    def _stored(self) -> int:
        return 0 if self._is_bare else self._peer.unsettled(self._database.ask)

    def rate(self, seconds: float) -> float:
        """Return how many submissions a second it accepts.

        Raises:
            IncompleteError: An answer was no success, or the jobs are not stored.
        """
        before = self._stored()
        answer = _load(self._port, seconds)
        stored = self._stored() - before
        # What was on its way at the end, of this load or the one before, is stored and not counted as answered.
        whole = self._is_bare or answer["answers"] <= stored <= answer["answers"] + 2 * CONNECTIONS
        if answer["errors"] or not whole:
            raise IncompleteError(f"{self.name}: {answer} came with {stored} jobs stored")
        return float(answer["rate"])


def _load(port: int, seconds: float) -> dict[str, Any]:
    if shutil.which("wrk") is None:
        return load.run(port, "/reports", seconds, f"{time.monotonic_ns()}")
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{max(1, round(seconds))}s"]
    address = f"http://127.0.0.1:{port}/reports"
    done = subprocess.run([*command, "--script", SCRIPT, address], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def submit(servers: Mapping[str, tuple[Peer, str]], seconds: float, repeats: int) -> dict[str, list[float]]:
    """Load the servers in turn, while the others stand idle."""
    taken: dict[str, list[float]] = {name: [] for name in servers}
    with ExitStack() as stack:
        served = [stack.enter_context(Served(name, *server)) for name, server in servers.items()]
        for server in served:
            server.rate(1.0)
        for _ in range(repeats):
            for server in served:
                taken[server.name].append(server.rate(seconds))
    return taken
