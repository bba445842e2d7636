"""This library and others, with their jobs in Redis."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any, Final

from benches.peers import measures, scaling
from benches.peers.catalogue import Peer, beside, in_python, ours
from benches.peers.databases import Redis
from benches.peers.environments import bullmq, python_of
from benches.peers.family import Family, Part
from benches.peers.table import REDIS
from tests.support.redis_server import find_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Client = Any
"""A valkey client."""


def _taskiq_unsettled(redis: Client) -> int:
    group = redis.xinfo_groups("bench")[0]
    return int(group["lag"]) + int(group["pending"])


def _bullmq_unsettled(redis: Client) -> int:
    # In one transaction: a job that moves between two questions would be in neither.
    with redis.pipeline() as pipe:
        return sum(pipe.llen("bull:bench:wait").llen("bull:bench:active").execute())


def _ours_unsettled(redis: Client) -> int:
    with redis.pipeline() as pipe:
        return sum(pipe.zcard("{default.0}:ready:default").zcard("{default.0}:lease").execute())


def _in_node(script: str) -> Callable[[], Sequence[str]]:
    return lambda: ["node", str(bullmq() / script)]


PEERS: Final = (
    ours(name="ours", title="asyncendpoints", database=Redis, unsettled=_ours_unsettled, jobs=100_000),
    Peer(
        name="bullmq",
        title="BullMQ 6.7.0",
        licence="MIT",
        database=Redis,
        client=_in_node("client.mjs"),
        worker=_in_node("worker.mjs"),
        unsettled=_bullmq_unsettled,
        jobs=20_000,
        batches=True,
    ),
    Peer(
        name="arq",
        title="arq 0.28.0",
        licence="MIT",
        database=Redis,
        client=in_python("arq"),
        worker=in_python("arq", "worker"),
        unsettled=lambda redis: int(redis.zcard("arq:queue")),
        jobs=4_000,
    ),
    Peer(
        name="saq",
        title="SAQ 0.26.4",
        licence="MIT",
        database=Redis,
        client=in_python("saq"),
        worker=lambda: [beside(python_of("saq"), "saq"), "benches.peers.clients.saq.settings", "--quiet"],
        unsettled=lambda redis: int(redis.zcard("saq:bench:incomplete")),
        jobs=4_000,
    ),
    Peer(
        name="taskiq",
        title="Taskiq 0.13.0 (Redis streams)",
        licence="MIT",
        database=Redis,
        client=in_python("taskiq"),
        worker=lambda: [
            *(beside(python_of("taskiq"), "taskiq"), "worker", "benches.peers.clients.taskiq:broker"),
            *("--workers", "1", "--max-async-tasks", "100", "--log-level", "WARNING"),
        ],
        unsettled=_taskiq_unsettled,
        jobs=4_000,
    ),
    Peer(
        name="streaq",
        title="streaq 7.2.0",
        licence="MIT",
        database=Redis,
        client=in_python("streaq"),
        worker=in_python("streaq", "worker"),
        unsettled=lambda redis: int(redis.xlen("streaq:bench:queues:normal")),
        jobs=3_000,
        batches=True,
    ),
)


def _versions() -> dict[str, str]:
    commands = {"redis": str(find_server()), "node": "node"}
    return {
        name: subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout.strip()
        for name, command in commands.items()
    }


FAMILY: Final = Family(
    name="7-redis",
    table=REDIS,
    peers=PEERS,
    parts={
        "drain": Part(measures.drain, 3),
        "enqueue": Part(measures.enqueue, 3),
        "pickup": Part(measures.pickup, 3),
        # Bytes do not vary.
        "memory": Part(measures.memory, 1),
        "workers": Part(scaling.second_worker, 3, only=("ours",)),
        "million": Part(scaling.long_queue, 3, only=("ours",)),
    },
    servers={
        "starlette": ("ours", "benches.peers.clients.ours_http:star"),
        "saq_starlette": ("saq", "benches.peers.clients.saq_http:app"),
        "fastapi": ("ours", "benches.peers.clients.ours_http:fast"),
        "bare_fastapi": ("ours", "benches.peers.clients.ours_http:bare"),
    },
    http=("ours", 3),
    versions=_versions,
)
