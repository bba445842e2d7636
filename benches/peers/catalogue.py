"""Who is compared: for each peer its version and licence, its commands, and how Redis tells what is not yet settled."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches.peers.environments import bullmq, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Redis = Any
"""A valkey client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One library, as the measurements see it.

    Args:
        name: What `--only` calls it.
        title: What the tables call it, with its version.
        licence: Its licence.
        client: Returns the command that takes a client's operation and its arguments.
        worker: Returns the command of one worker process with a hundred jobs at once.
        unsettled: Asks Redis how many jobs are not yet settled; cheap, for it is asked often.
        jobs: How many jobs one drain takes, so that it lasts a second or more.
        batches: Whether it has a call that enqueues many jobs, or makes few calls of many by itself.
    """

    name: str
    title: str
    licence: str
    client: Callable[[], Sequence[str]]
    worker: Callable[[], Sequence[str]]
    unsettled: Callable[[Redis], int]
    jobs: int
    batches: bool = False


def _taskiq_unsettled(redis: Redis) -> int:
    group = redis.xinfo_groups("bench")[0]
    return int(group["lag"]) + int(group["pending"])


def _bullmq_unsettled(redis: Redis) -> int:
    # In one transaction: a job that moves between two questions would be in neither.
    with redis.pipeline() as pipe:
        return sum(pipe.llen("bull:bench:wait").llen("bull:bench:active").execute())


def _ours_unsettled(redis: Redis) -> int:
    with redis.pipeline() as pipe:
        return sum(pipe.zcard("{default.0}:ready:default").zcard("{default.0}:lease").execute())


def _in_python(name: str) -> Callable[[], Sequence[str]]:
    return lambda: [python_of(name), "-m", f"benches.peers.clients.{name}"]


def _in_node(script: str) -> Callable[[], Sequence[str]]:
    return lambda: ["node", str(bullmq() / script)]


def _beside(python: str, command: str) -> str:
    return str(Path(python).parent / command)


OURS: Final = Peer(
    name="ours",
    title="asyncendpoints",
    licence="MIT",
    client=lambda: [sys.executable, "-m", "benches.peers.clients.ours"],
    worker=lambda: [
        *(sys.executable, "-m", "asyncendpoints", "worker", "benches.peers.clients.ours:jobs"),
        *("--concurrency", "100", "--log-level", "warning"),
    ],
    unsettled=_ours_unsettled,
    jobs=100_000,
    batches=True,
)

PEERS: Final = (
    OURS,
    Peer(
        name="bullmq",
        title="BullMQ 6.7.0",
        licence="MIT",
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
        client=_in_python("arq"),
        worker=lambda: [*_in_python("arq")(), "worker"],
        unsettled=lambda redis: int(redis.zcard("arq:queue")),
        jobs=4_000,
    ),
    Peer(
        name="saq",
        title="SAQ 0.26.4",
        licence="MIT",
        client=_in_python("saq"),
        worker=lambda: [_beside(python_of("saq"), "saq"), "benches.peers.clients.saq.settings", "--quiet"],
        unsettled=lambda redis: int(redis.zcard("saq:bench:incomplete")),
        jobs=4_000,
    ),
    Peer(
        name="taskiq",
        title="Taskiq 0.13.0 (Redis streams)",
        licence="MIT",
        client=_in_python("taskiq"),
        worker=lambda: [
            *(_beside(python_of("taskiq"), "taskiq"), "worker", "benches.peers.clients.taskiq:broker"),
            *("--workers", "1", "--max-async-tasks", "100", "--log-level", "WARNING"),
        ],
        unsettled=_taskiq_unsettled,
        jobs=4_000,
    ),
    Peer(
        name="streaq",
        title="streaq 7.2.0",
        licence="MIT",
        client=_in_python("streaq"),
        worker=lambda: [*_in_python("streaq")(), "worker"],
        unsettled=lambda redis: int(redis.xlen("streaq:bench:queues:normal")),
        jobs=3_000,
        batches=True,
    ),
)
