"""A real MariaDB for tests: a server of the test's own, that can be killed and restarted.

Looked for in this order: `mariadbd` or `mysqld` on the PATH or where Debian puts them. Tests that only need some server
take the fixture `mariadb_url`, which honours `ASYNCENDPOINTS_TEST_MARIADB_URL`.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

import pymysql

from tests.support.processes import PATIENCE, Process
from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARIADB_URL: Final = "ASYNCENDPOINTS_TEST_MARIADB_URL"
"""The environment variable that names a server to use; only databases of the tests' own are touched there."""
_PLACES: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_TRIES: Final = 5


def find_server() -> Path:
    """Return the server program.

    Raises:
        AssertionError: There is none; the message says what to install.
    """
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name, path=_PLACES)
        if found is not None:
            return Path(found)
    raise AssertionError(
        "these tests need a real MariaDB: install Debian's packages without a service (apt-get install "
        f"--no-install-recommends mariadb-server-core mariadb-client-core), or name a server in {MARIADB_URL}, as in "
        "mysql://user:password@127.0.0.1:3306, for the tests that do not stop theirs"
    )


def connect(url: str, database: str | None = None) -> pymysql.Connection[Any]:
    """Return a connection for the test itself, to be closed; each statement is its own transaction."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=database or unquote(parts.path.strip("/")) or None,
        autocommit=True,
        read_timeout=PATIENCE,
        connect_timeout=PATIENCE,
    )


def execute(url: str, sql: str, *values: object) -> tuple[tuple[Any, ...], ...]:
    """Execute one statement on a connection of its own and return what it found."""
    connection = connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return tuple(cursor.fetchall())
    finally:
        connection.close()


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Return the URL of a database that nobody else uses, and drop it afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    parts = urlsplit(url)
    # As most servers are set up, to see that the tables' own character set counts.
    execute(parts._replace(path="", query="").geturl(), f"CREATE DATABASE {name} CHARACTER SET latin1")
    try:
        yield parts._replace(path=f"/{name}").geturl()
    finally:
        execute(parts._replace(path="", query="").geturl(), f"DROP DATABASE {name}")


class MariadbServer:
    """A running server with a private directory, on loopback alone; a context manager.

    Its user is root, without a password.

    Args:
        durable: Whether each commit is forced to disk before it is acknowledged.
        options: Further options for the command line.
    """

    def __init__(self, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        self._program = find_server()
        self._directory = Path(tempfile.mkdtemp(prefix="asyncendpoints-mariadb-"))
        self._data = self._directory / "data"
        self._log = self._directory / "server.log"
        self._options = [
            f"--innodb-flush-log-at-trx-commit={1 if durable else 2}",
            "--innodb-buffer-pool-size=64M",
            "--max-connections=200",
            "--skip-name-resolve",
            "--skip-log-bin",
            *options,
        ]
        try:
            self._install()
            self.port, self._process = self._start_somewhere()
        except BaseException:
            shutil.rmtree(self._directory)
            raise

    @property
    def _is_mysql(self) -> bool:
        return self._program.name == "mysqld" and shutil.which("mariadb-install-db", path=_PLACES) is None

    def _install(self) -> None:
        """Make the system's tables."""
        # Named even where it is root: the server refuses to be root unless it is told to.
        user = f"--user={getpass.getuser()}"
        if self._is_mysql:
            command = [self._program, "--no-defaults", "--initialize-insecure", user, f"--datadir={self._data}"]
        else:
            command = [
                shutil.which("mariadb-install-db", path=_PLACES) or "mariadb-install-db",
                *("--no-defaults", user, f"--datadir={self._data}"),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"the system's tables could not be made:\n{done.stdout}\n{done.stderr}"

    def _start_somewhere(self) -> tuple[int, Process]:
        """Start on a free port; another test run may take that first, and then it is another one."""
        for _ in range(_TRIES):
            port = free_port()
            process = self._start(port)
            if process is not None:
                return port, process
        raise AssertionError(f"{_TRIES} ports were free and taken before MariaDB could have them")

    def _start(self, port: int) -> Process | None:
        """Start; None where somebody else has the port."""
        process = Process(
            [
                self._program,
                *("--no-defaults", f"--user={getpass.getuser()}", f"--datadir={self._data}"),
                *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={self._directory}/s"),
                f"--pid-file={self._directory}/pid",
                *self._options,
            ],
            log=self._log,
            scratch=self._directory,
        )
        try:
            if self._answers(process, port):
                return process
        except BaseException:
            process.kill()
            raise
        process.kill()
        if "Address already in use" in process.output:
            return None
        raise AssertionError(f"MariaDB did not start on port {port}:\n{process.output}")

    def _answers(self, process: Process, port: int) -> bool:
        deadline = time.monotonic() + PATIENCE
        while process.running and time.monotonic() < deadline:
            try:
                found = execute(f"mysql://root@127.0.0.1:{port}", "SELECT @@datadir")
            except pymysql.err.OperationalError:
                time.sleep(0.02)
                continue
            return Path(found[0][0]) == self._data
        return False

    @property
    def url(self) -> str:
        """The server's URL, which names no database."""
        return f"mysql://root@127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What the server has logged."""
        return self._process.output

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Start it again on the same port with the same directory, ending it first (SIGKILL) where it runs."""
        self._process.kill()
        process = self._start(self.port)
        assert process is not None, f"somebody else has taken port {self.port}"
        self._process = process

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
