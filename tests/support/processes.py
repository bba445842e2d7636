"""Child processes that end with their test, also when the test run itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 60.0
"""Seconds to wait for a process on a busy machine before the test fails."""

# The guard reads from a pipe whose other end only the tests hold: it reads nothing until they are gone.
_GUARD: Final = 'read -r _; kill -s KILL -- "-$1" 2>/dev/null; if [ -n "$2" ]; then rm -rf -- "$2"; fi'


class Process:
    """A running child in a session of its own; signals reach its children too.

    Args:
        command: What to run.
        log: The file that its output is appended to.
        environment: Further environment variables.
        cwd: Where to run it; the repository's root by default.
        scratch: A directory to delete when the test run dies; the caller deletes it otherwise.
        popen: Further arguments of `subprocess.Popen`, such as the user that it is to be.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        scratch: Path | None = None,
        popen: Mapping[str, Any] | None = None,
    ) -> None:
        # A make that runs the tests must not hand its job server to a make that a test starts.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        self._log = log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={**inherited, "PYTHONUNBUFFERED": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(popen or {}),
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._child.pid), str(scratch or "")],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    @property
    def output(self) -> str:
        """What it has printed so far, and what was in its log before."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it and its children a signal, if it still runs."""
        if self.running:
            os.killpg(self.pid, number)

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP)."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.send(signal.SIGCONT)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return its exit status."""
        status = self._child.wait(timeout=patience)
        self._dismiss_guard()
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end and return its exit status."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """End it and its children at once (SIGKILL); nothing of them runs any code of its own any more."""
        self.send(signal.SIGKILL)
        self.wait()

    def _dismiss_guard(self) -> None:
        # Before the pipe closes, which is what the guard waits for.
        self._guard.kill()
        self._guard.wait(timeout=PATIENCE)
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
