"""What is measured of every peer; each function takes one repeat and returns named numbers."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benches.peers.bench import Bench, IncompleteError
from benches.peers.processor import cpu, cpu_of_all

if TYPE_CHECKING:
    from benches.peers.catalogue import Peer

WARM: Final = 20
"""Pickups that are not counted: the first ones find cold code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    Args:
        drain: The share of a peer's jobs that one drain takes.
        enqueued: Jobs enqueued one after the other; three times as many from fifty tasks, ten times as many in bulk.
        pickups: Jobs for an idle worker.
        idle: Seconds that an idle worker is watched for.
        stored: Jobs whose bytes are counted.
        burnt: Jobs that use 5 ms of processor time each.
        many: The long queue; the short one is a hundredth of it.
        http: Seconds that each server is loaded for.
    """

    drain: float = 1.0
    enqueued: int = 3_000
    pickups: int = 400
    idle: float = 10.0
    stored: int = 20_000
    burnt: int = 1_500
    many: int = 1_000_000
    http: float = 5.0


QUICK: Final = Sizes(drain=0.1, enqueued=300, pickups=60, idle=2.0, stored=1_000, burnt=200, many=20_000, http=1.0)
"""For a smoke run."""


def drain_of(bench: Bench, count: int, handler: str = "noop") -> dict[str, float]:
    """Prefill a queue, start a worker, and follow it from its first job to the last that is settled."""
    bench.prefill(count, handler)
    database = bench.database
    store_cpu, commands = database.cpu(), database.commands()
    with bench.worker() as worker:
        stamp = bench.stamp(worker)
        end = bench.settled(worker)
        found = {
            "drain": count / ((end.at_ns - stamp["at_ns"]) / 1e9),
            "worker_cpu": 1e6 * (cpu(stamp["pid"]) - stamp["cpu_s"]) / count,
        }
        if store_cpu is not None:
            found["store_cpu"] = 1e6 * (database.cpu() - store_cpu) / count
        if commands is not None:
            found["commands"] = (database.commands() - commands - end.commands) / count
    bench.verify()
    return found


def drain(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """No-op jobs, drained by one worker process."""
    with Bench(peer) as bench:
        return drain_of(bench, max(1, int(peer.jobs * sizes.drain)))


def enqueue(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Jobs a second: one after the other, from fifty tasks, and in bulk where the peer has a call for it."""
    kinds = {"sequential": sizes.enqueued, "concurrent": 3 * sizes.enqueued}
    if peer.batches:
        kinds["bulk"] = 1_000 * max(1, 10 * sizes.enqueued // 1_000)
    rates: dict[str, float] = {}
    for kind, count in kinds.items():
        with Bench(peer) as bench:
            rates[kind] = count / bench.client(kind, count)["seconds"]
            bench.expect_unsettled(count)
    return rates


def pickup(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Milliseconds from before the enqueue to the handler's start, and what the worker costs when nothing happens."""
    count = sizes.pickups + WARM
    with Bench(peer) as bench:
        # The worker is up when it has done a first job.
        bench.prefill(1)
        with bench.worker() as worker:
            bench.stamp(worker)
            bench.settled(worker)
            bench.client("pickup", count)
            bench.settled(worker)
            samples = _samples(bench, count)
            time.sleep(min(2.0, sizes.idle))
            before, begun = cpu_of_all(worker.pid), time.monotonic()
            time.sleep(sizes.idle)
            idle = (cpu_of_all(worker.pid) - before) / (time.monotonic() - begun)
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    return {"pickup_p50": cuts[49], "pickup_p99": cuts[98], "idle": 100 * idle}


def _samples(bench: Bench, count: int) -> list[float]:
    """Return every pickup in milliseconds.

    Raises:
        IncompleteError: A job has no sample, or two.
    """
    lines = (bench.folder / "samples.txt").read_text(encoding="utf-8").splitlines()
    taken = [line.split() for line in lines]
    if sorted(int(number) for number, _ in taken) != list(range(count)):
        raise IncompleteError(f"{bench.peer.name}: {count} jobs left {len(lines)} samples")
    return [int(waited) / 1e6 for number, waited in taken if int(number) >= WARM]


def memory(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Bytes of Redis for a queued job and for a completed one, with every key that they leave behind."""
    count = sizes.stored
    with Bench(peer) as bench:
        # Scripts, groups and the worker's own records are there before the counting begins.
        drain_of(bench, 10)
        empty = bench.database.memory()
        bench.prefill(count)
        queued = bench.database.memory()
        with bench.worker() as worker:
            bench.settled(worker)
        completed = bench.database.memory()
        bench.verify()
    return {"queued": (queued - empty) / count, "completed": (completed - empty) / count}
