"""A server in a process of its own, on a free port, that ends with its test."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"running on (http://[0-9.]+:\d+)")
PATIENCE = 60.0
"""Seconds to wait for a server on a busy machine before the test fails."""


class Server:
    """A running server; a context manager that ends it whatever happens.

    Args:
        command: What to run; it must print `running on http://…` once it listens.
        environment: Further environment variables.
        cwd: Where to run it; the repository's root by default.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        # A make that runs the tests must not hand its job server to a make that a test starts.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        self.lines: list[str] = []
        self._ready: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**inherited, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            url = self._ready.get(timeout=PATIENCE)
        except queue.Empty:
            url = None
        if url is None:
            self.kill()
            raise AssertionError("the server did not start:\n" + self.output)
        self.url = url

    @classmethod
    def uvicorn(cls, application: str, *options: str, environment: Mapping[str, str] | None = None) -> Self:
        """Serve an application, named `module:attribute`, with uvicorn."""
        command = [sys.executable, "-m", "uvicorn", application, "--port", "0", *options]
        return cls(command, environment=environment)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            found = LISTENING.search(line)
            if found is not None:
                self._ready.put(found.group(1))
        self._ready.put(None)

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self.lines)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the process a signal and return its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the process to end and return its exit status."""
        status = self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        return status

    def kill(self) -> None:
        """End it and every process that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
