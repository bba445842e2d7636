"""One peer beside one private Redis: its client's operations, its workers, and what both have cost."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from benches.peers.environments import ROOT
from benches.python.idle import processor_ms
from tests.support.processes import Process
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.peers.catalogue import Peer

PATIENCE: Final = 300.0
"""Seconds without any progress after which a measurement fails."""
GLANCE: Final = 0.005
"""Seconds between two questions to Redis, so that asking costs nothing that shows."""
ASKED: Final = 1_000
"""How many jobs of a drain have their results read again by the peer's own client."""


class Seen(NamedTuple):
    """A moment of a drain."""

    at_ns: int
    """When, by the monotonic clock."""
    left: int
    """How many jobs were not yet settled."""
    commands: int
    """How many commands it took to ask."""


class IncompleteError(Exception):
    """Not every job was done: the figure would say nothing."""


def cpu(pid: int) -> float:
    """Return the processor time that a process has used so far, in seconds."""
    return processor_ms(pid) / 1000


def cpu_of_all(pid: int) -> float:
    """Return the same of a process and all that descend from it."""
    used = cpu(pid)
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="utf-8").split():
            used += cpu_of_all(int(child))
    return used


class Bench:
    """A peer with a Redis of its own; a context manager.

    Args:
        peer: Who is measured.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._stack = ExitStack()
        self._commands_of_a_question = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asyncendpoints-bench-")))
            self.ids = self.folder / "ids.txt"
            server = stack.enter_context(RedisServer())
            self.redis = stack.enter_context(server.client())
            self.environment = {
                "BENCH_REDIS_URL": server.url(),
                "BENCH_FOLDER": str(self.folder),
                "PYTHONPATH": str(ROOT),
            }
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def client(self, operation: str, *values: object) -> dict[str, Any]:
        """Run one of the client's operations in a process of its own and return what it found.

        Raises:
            IncompleteError: It failed.
        """
        done = subprocess.run(
            [*self.peer.client(), operation, *map(str, values)],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )
        if done.returncode:
            raise IncompleteError(f"{self.peer.name}: the client ended with {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def prefill(self, count: int, handler: str = "noop") -> None:
        """Fill the queue while no worker runs.

        Raises:
            IncompleteError: Redis does not hold so many jobs then.
        """
        (self.folder / "stamp.json").unlink(missing_ok=True)
        made = self.client("prefill", handler, count, self.ids)["jobs"]
        self.expect_unsettled(count)
        if made != count:
            raise IncompleteError(f"{self.peer.name}: {count} jobs were enqueued under {made} ids")

    def expect_unsettled(self, count: int) -> None:
        """Check how many jobs wait.

        Raises:
            IncompleteError: They are more or fewer.
        """
        commands = self.commands()
        found = self.peer.unsettled(self.redis)
        # Known before any worker runs, whose commands could not be told from these.
        self._commands_of_a_question = self.commands() - commands - 1
        if found != count:
            raise IncompleteError(f"{self.peer.name}: {found} jobs wait in Redis and not {count}")

    @contextmanager
    def worker(self) -> Iterator[Process]:
        """Run a worker process; it is killed in the end, when everything is settled and counted."""
        log = self.folder / "worker.log"
        with Process(self.peer.worker(), log=log, environment=self.environment) as process:
            yield process

    def stamp(self, worker: Process) -> dict[str, Any]:
        """Wait until the first job starts; return when that was, in which process, and what it had used so far."""
        path = self.folder / "stamp.json"
        begun = time.monotonic()
        while not path.exists():
            self.check(worker, begun)
            time.sleep(GLANCE)
        stamp: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return stamp

    def check(self, worker: Process, since: float) -> None:
        """Fail where the worker has ended, or nothing has happened for too long.

        Raises:
            IncompleteError: With the worker's log.
        """
        if not worker.running or time.monotonic() - since > PATIENCE:
            raise IncompleteError(f"{self.peer.name}: the worker does not go on:\n{worker.output[-4000:]}")

    def settled(self, worker: Process, left: int = 0) -> Seen:
        """Wait until no more than `left` jobs are not yet settled, and return what was seen then."""
        now = self.peer.unsettled(self.redis)
        questions = 1
        since = time.monotonic()
        while now > left:
            self.check(worker, since)
            time.sleep(GLANCE)
            before, now = now, self.peer.unsettled(self.redis)
            questions += 1
            if now != before:
                since = time.monotonic()
        return Seen(at_ns=time.monotonic_ns(), left=now, commands=questions * self._commands_of_a_question)

    def verify(self) -> None:
        """Read results again by the peer's own client.

        Raises:
            IncompleteError: One of them is missing, or is not what the handler returned.
        """
        found = self.client("verify", self.ids, ASKED)
        if found["right"] != found["asked"] or not found["asked"]:
            raise IncompleteError(f"{self.peer.name}: of {found['asked']} results {found['right']} are right")

    def redis_cpu(self) -> float:
        """Return the processor time that Redis has used so far, in seconds."""
        found = self.redis.info("cpu")
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])

    def commands(self) -> int:
        """Return how many commands Redis has run so far, those that scripts call among them."""
        return int(self.redis.info("stats")["total_commands_processed"])

    def memory(self) -> int:
        """Return the bytes that Redis uses, once only this process is connected to it."""
        begun = time.monotonic()
        while int(self.redis.info("clients")["connected_clients"]) > 1:
            if time.monotonic() - begun > PATIENCE:
                raise IncompleteError(f"{self.peer.name}: a connection to Redis stays open")
            time.sleep(GLANCE)
        return int(self.redis.info("memory")["used_memory"])
