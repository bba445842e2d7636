"""What handlers really did, written outside of any store: a file that many processes append to."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncendpoints import JobContext


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    word: str
    """`start` and `end` of a handler's run, `stopped` where it was cancelled, `effect` of `once`."""
    job_id: str
    fence: int
    pid: int
    at: float
    """In seconds of the machine's monotonic clock, which all processes share."""


class Journal:
    """A file of entries; each is one write, so that processes do not tear each other's lines.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, word: str, job: JobContext[Any]) -> None:
        """Append an entry."""
        fence = job._claim.fence
        line = f"{word} {job.job_id} {fence} {os.getpid()} {time.monotonic():.6f}\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode("ascii"))
        finally:
            os.close(file)

    @contextmanager
    def run(self, job: JobContext[Any]) -> Iterator[None]:
        """Note the start of a run, and how it left."""
        self.note("start", job)
        try:
            yield
        except BaseException:
            self.note("stopped", job)
            raise
        self.note("end", job)

    def entries(self) -> list[Entry]:
        """Return everything noted so far, in the order of writing."""
        if not self._path.exists():
            return []
        found: list[Entry] = []
        for line in self._path.read_text(encoding="ascii").splitlines():
            word, job_id, fence, pid, at = line.split()
            found.append(Entry(word, job_id, int(fence), int(pid), float(at)))
        return found

    def starts(self, job_id: str) -> list[Entry]:
        """Return the runs that a job's handler began."""
        return [entry for entry in self.entries() if entry.word == "start" and entry.job_id == job_id]

    def count(self, word: str) -> Counter[str]:
        """Return how often a word was noted of each job."""
        return Counter(entry.job_id for entry in self.entries() if entry.word == word)
