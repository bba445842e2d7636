"""This library and others, with their jobs in PostgreSQL; and this library with its jobs in a SQLite file."""

from __future__ import annotations

import sqlite3
import subprocess
from typing import TYPE_CHECKING, Final

from asyncendpoints.stores.sql.tables import IN_PROGRESS, QUEUED
from benches.peers import measures, scaling
from benches.peers.catalogue import Peer, in_python, ours
from benches.peers.databases import Postgres, Sqlite
from benches.peers.environments import python_of
from benches.peers.family import Family, Part
from benches.peers.measures import Sizes
from benches.peers.table import SQL
from tests.support.postgres_server import find_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OURS: Final = (
    "SELECT count(*) FROM asyncendpoints_jobs "
    f"WHERE namespace = 'default' AND queue = 'default' AND state IN ({QUEUED}, {IN_PROGRESS})"
)


def _of_procrastinate(call: str) -> Callable[[], Sequence[str]]:
    # It asks that the module with its application be imported and not run as a script.
    code = f"from benches.peers.clients import client, procrastinate; {call}"
    return lambda: [python_of("procrastinate"), "-c", code]


PEERS: Final = (
    ours(
        name="ours",
        title="asyncendpoints on PostgreSQL",
        database=Postgres,
        unsettled=lambda ask: ask(_OURS),
        jobs=50_000,
    ),
    Peer(
        name="pgqueuer",
        title="PGQueuer 1.6.0",
        licence="MIT",
        database=Postgres,
        client=in_python("pgqueuer"),
        worker=in_python("pgqueuer", "worker"),
        unsettled=lambda ask: ask("SELECT count(*) FROM pgqueuer"),
        jobs=50_000,
        batches=True,
    ),
    Peer(
        name="chancy",
        title="Chancy 0.26.0",
        licence="MIT",
        database=Postgres,
        client=in_python("chancy"),
        worker=in_python("chancy", "worker"),
        unsettled=lambda ask: ask("SELECT count(*) FROM chancy_jobs WHERE state NOT IN ('succeeded', 'failed')"),
        jobs=10_000,
        batches=True,
    ),
    Peer(
        name="procrastinate",
        title="Procrastinate 3.10.0",
        licence="MIT",
        database=Postgres,
        client=_of_procrastinate("client.main(procrastinate.Client)"),
        worker=_of_procrastinate("procrastinate.work()"),
        unsettled=lambda ask: ask("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"),
        jobs=2_000,
        batches=True,
    ),
    ours(
        name="sqlite",
        title="asyncendpoints on SQLite",
        database=Sqlite,
        unsettled=lambda ask: ask(_OURS),
        jobs=50_000,
    ),
)


def _versions() -> dict[str, str]:
    said = subprocess.run(
        [find_programs() / "postgres", "--version"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return {"postgresql": said, "sqlite": sqlite3.sqlite_version}


FAMILY: Final = Family(
    name="8-sql",
    table=SQL,
    peers=PEERS,
    parts={
        "drain": Part(measures.drain, 3),
        "enqueue": Part(measures.enqueue, 2),
        "pickup": Part(measures.pickup, 1),
        "million": Part(scaling.finished_jobs, 1, only=("ours", "sqlite")),
    },
    servers={
        "fastapi": ("sqlite", "benches.peers.clients.ours_http:fast"),
        "bare_fastapi": ("sqlite", "benches.peers.clients.ours_http:bare"),
    },
    http=("sqlite", 3),
    versions=_versions,
    sizes=Sizes(enqueued=1_000, idle=5.0),
)
