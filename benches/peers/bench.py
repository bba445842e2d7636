"""One peer with a database of its own: its client's operations, its workers, and what both have cost."""

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
from tests.support.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.peers.catalogue import Peer

PATIENCE: Final = 300.0
"""Seconds without any progress after which a measurement fails."""
GLANCE: Final = 0.005
"""Seconds between two questions to the database at least, so that asking costs nothing that shows."""
LONGEST: Final = 0.1
"""The same at most."""
ASKED: Final = 1_000
"""How many jobs of a drain have their results read again by the peer's own client."""


class Seen(NamedTuple):
    """A moment of a drain."""

    at_ns: int
    """When, by the monotonic clock."""
    left: int
    """How many jobs were not yet settled."""
    commands: int
    """How many commands it took to ask, where they are counted."""


class IncompleteError(Exception):
    """Not every job was done: the figure would say nothing."""


class Bench:
    """A peer with a database of its own; a context manager.

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
            self.database = stack.enter_context(self.peer.database())
            self.environment = {
                "BENCH_STORE_URL": self.database.url,
                "BENCH_FOLDER": str(self.folder),
                # The package beside this, also where another one is installed.
                "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)]),
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
            IncompleteError: The database does not hold so many jobs then.
        """
        (self.folder / "stamp.json").unlink(missing_ok=True)
        made = self.client("prefill", handler, count, self.ids)["jobs"]
        self.expect_unsettled(count)
        if made != count:
            raise IncompleteError(f"{self.peer.name}: {count} jobs were enqueued under {made} ids")
        self.database.rest()

    def expect_unsettled(self, count: int) -> None:
        """Check how many jobs wait.

        Raises:
            IncompleteError: They are more or fewer.
        """
        commands = self.database.commands()
        found = self.unsettled()
        if commands is not None:
            # Known before any worker runs, whose commands could not be told from these.
            self._commands_of_a_question = self.database.commands() - commands - 1
        if found != count:
            raise IncompleteError(f"{self.peer.name}: {found} jobs wait and not {count}")

    def unsettled(self) -> int:
        """Return how many jobs are not yet settled."""
        return self.peer.unsettled(self.database.ask)

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
        begun = since = time.monotonic()
        first = now = self.unsettled()
        questions = 1
        while now > left:
            self.check(worker, since)
            # Asking is work, too: the farther the end, as it has gone so far, the later is the next question.
            wait = 0.0
            if now == first:
                begun = time.monotonic()
            else:
                wait = (time.monotonic() - begun) * (now - left) / (first - now) / 4
            time.sleep(min(max(GLANCE, wait), LONGEST))
            before, now = now, self.unsettled()
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
