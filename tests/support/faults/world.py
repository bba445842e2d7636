"""One namespace of one store with the processes that use it; all of them end with the test."""

from __future__ import annotations

import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.faults.application import CONCURRENCY, JOURNAL, LEASE, NAMESPACE, URL, make_jobs
from tests.support.faults.journal import Journal
from tests.support.processes import Process
from tests.support.server import Server

if TYPE_CHECKING:
    from asyncendpoints import AsyncEndpoints


class World:
    """Workers, API processes and clients of one namespace; a context manager.

    Args:
        url: The store, or the proxy before it.
        directory: Where the journal and the logs go.
        lease_for: The lease of every process, in seconds.
    """

    def __init__(self, url: str, directory: Path, *, lease_for: float = 1.0) -> None:
        self.url = url
        self.namespace = f"test-{secrets.token_hex(8)}"
        self.journal = Journal(directory / "journal")
        self._directory = directory
        self._lease_for = lease_for
        self._started = 0
        self._stack = ExitStack()
        self._pids: list[int] = []

    def pids(self) -> list[int]:
        """Return the ids of all processes started so far, which run unless somebody has ended them."""
        return self._pids

    def environment(self, *, url: str | None = None, concurrency: int = 4) -> dict[str, str]:
        """Return what a process must be told."""
        return {
            URL: url or self.url,
            NAMESPACE: self.namespace,
            JOURNAL: str(self._directory / "journal"),
            LEASE: str(self._lease_for),
            CONCURRENCY: str(concurrency),
        }

    def worker(self, *, url: str | None = None, concurrency: int = 4) -> Process:
        """Start a worker process."""
        environment = self.environment(url=url, concurrency=concurrency)
        return self._process(["-m", "asyncendpoints", "worker", "tests.support.faults.worker:jobs"], environment)

    def writer(self, *, seconds: float) -> Process:
        """Start a process that submits jobs for so long, and runs any."""
        return self._process(["-m", "tests.support.faults.writer", str(seconds)], self.environment())

    def _process(self, arguments: list[str], environment: dict[str, str]) -> Process:
        self._started += 1
        log = self._directory / f"process-{self._started}.log"
        process = self._stack.enter_context(Process([sys.executable, *arguments], log=log, environment=environment))
        self._pids.append(process.pid)
        return process

    def api(self, *, url: str | None = None, application: str = "tests.support.faults.api:app") -> Server:
        """Start an API process."""
        environment = self.environment(url=url)
        server = self._stack.enter_context(Server.uvicorn(application, environment=environment))
        self._pids.append(server.process.pid)
        return server

    def client(self, *, url: str | None = None) -> AsyncEndpoints:
        """Return the application's jobs for this process, which runs none; to be started by the test."""
        return make_jobs(self.environment(url=url), worker=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
