"""Who is compared: for each library its version and licence, its commands, and how its database tells what is left."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.peers.environments import python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benches.peers.databases import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One library, as the measurements see it.

    Args:
        name: What `--only` calls it.
        title: What the tables call it, with its version.
        licence: Its licence.
        database: Makes a database for one measurement.
        client: Returns the command that takes a client's operation and its arguments.
        worker: Returns the command of one worker process with a hundred jobs at once.
        unsettled: Asks the database how many jobs are not yet settled; cheap, for it is asked often.
        jobs: How many jobs one drain takes, so that it lasts a second or more.
        batches: Whether it has a call that enqueues many jobs, or makes few calls of many by itself.
    """

    name: str
    title: str
    licence: str
    database: Callable[[], Database]
    client: Callable[[], Sequence[str]]
    worker: Callable[[], Sequence[str]]
    unsettled: Callable[[Any], int]
    jobs: int
    batches: bool = False


def in_python(name: str, *arguments: str) -> Callable[[], Sequence[str]]:
    """Return what returns the command of a peer's module in its own environment."""
    return lambda: [python_of(name), "-m", f"benches.peers.clients.{name}", *arguments]


def beside(python: str, command: str) -> str:
    """Return the path of a command in the environment of an interpreter."""
    return str(Path(python).parent / command)


def ours(
    *, name: str, title: str, database: Callable[[], Database], unsettled: Callable[[Any], int], jobs: int
) -> Peer:
    """Return this library, with its jobs in that kind of database."""
    return Peer(
        name=name,
        title=title,
        licence="MIT",
        database=database,
        client=lambda: [sys.executable, "-m", "benches.peers.clients.ours"],
        worker=lambda: [
            *(sys.executable, "-m", "asyncendpoints", "worker", "benches.peers.clients.ours:jobs"),
            *("--concurrency", "100", "--log-level", "warning"),
        ],
        unsettled=unsettled,
        jobs=jobs,
        batches=True,
    )
