"""Where jobs are while they are measured: a Redis, a PostgreSQL database or a SQLite file that nobody else uses."""

from __future__ import annotations

import atexit
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from benches.peers.processor import cpu_of_all, cpu_of_ended
from tests.support.postgres_server import PostgresServer, connect, own_database
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

PATIENCE: Final = 300.0
"""Seconds after which what must come to an end has not."""


class Database:
    """A place for jobs; a context manager."""

    url: str
    """What workers and clients are told."""
    ask: Any
    """What a peer is given to ask how many jobs are not yet settled."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self, stack: ExitStack) -> None:
        raise NotImplementedError

    def rest(self) -> None:
        """Let it do what filling it has left to be done, so that it is as after some time."""

    def cpu(self) -> float | None:
        """Return the processor time that it has used so far, in seconds; None where it is in others' processes."""
        return None

    def commands(self) -> int | None:
        """Return how many commands it has run so far, where it counts them."""
        return None


class Redis(Database):
    """A Redis server on loopback, without persistence."""

    def _open(self, stack: ExitStack) -> None:
        server = stack.enter_context(RedisServer())
        self.url = server.url()
        self.ask = stack.enter_context(server.client())

    def cpu(self) -> float:
        """Return what Redis says of itself, in seconds."""
        found = self.ask.info("cpu")
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])

    def commands(self) -> int:
        """Return how many commands Redis has run so far, those that scripts call among them."""
        return int(self.ask.info("stats")["total_commands_processed"])

    def memory(self) -> int:
        """Return the bytes that Redis uses, once only this process is connected to it.

        Raises:
            TimeoutError: Somebody else stays connected.
        """
        begun = time.monotonic()
        while int(self.ask.info("clients")["connected_clients"]) > 1:
            if time.monotonic() - begun > PATIENCE:
                raise TimeoutError("a connection to Redis stays open")
            time.sleep(0.005)
        return int(self.ask.info("memory")["used_memory"])


class SqlDatabase(Database):
    """One that is asked in SQL, each statement in a transaction of its own."""

    execute: Callable[[str], Any]
    """Executes a statement and returns its cursor."""

    def _answer_by(self, connection: psycopg.Connection[Any] | sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.ask = self._number

    def _number(self, sql: str) -> int:
        return int(self.execute(sql).fetchone()[0])


@cache
def _postgres() -> PostgresServer:
    """Return the server that all measurements of this run share: it is the same one for all, and warm."""
    server = PostgresServer(durable=True)
    atexit.register(server.close)
    return server


class Postgres(SqlDatabase):
    """A database of its own in the server of the run, which keeps every commit before it acknowledges it."""

    def _open(self, stack: ExitStack) -> None:
        self._server = _postgres()
        self.url = stack.enter_context(own_database(self._server.url))
        self._answer_by(stack.enter_context(connect(self.url)))

    def rest(self) -> None:
        """Let the planner know the tables, and bring what was written to where it belongs."""
        self.execute("VACUUM ANALYZE")
        self.execute("CHECKPOINT")

    def cpu(self) -> float:
        """Return the processor time of the server's processes, those that have ended among them."""
        pid = self._server.pid
        return cpu_of_all(pid) + cpu_of_ended(pid)


class Sqlite(SqlDatabase):
    """A file in a directory of its own."""

    def _open(self, stack: ExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="asyncendpoints-bench-"))
        self.url = f"sqlite:///{folder}/jobs.db"
        self._answer_by(stack.enter_context(closing(sqlite3.connect(f"{folder}/jobs.db", isolation_level=None))))

    def rest(self) -> None:
        """Bring what was written to where it belongs."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
