"""What is measured of this library alone: a second worker process, and a queue of a million jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.peers.bench import Bench
from benches.peers.measures import Sizes, drain_of

if TYPE_CHECKING:
    from benches.peers.catalogue import Peer


def second_worker(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Handlers that use 5 ms of processor time each, in one worker process and in two."""
    with Bench(peer) as bench:
        one = drain_of(bench, sizes.burnt, "burn")["drain"]
    with Bench(peer) as bench:
        bench.prefill(sizes.burnt, "burn")
        with bench.worker() as first, bench.worker():
            stamp = bench.stamp(first)
            end = bench.settled(first)
        bench.verify()
    return {"burn_one": one, "burn_two": sizes.burnt / ((end.at_ns - stamp["at_ns"]) / 1e9)}


def long_queue(peer: Peer, sizes: Sizes) -> dict[str, float]:
    """The rates at which a long queue and a short one are drained to their end, after as many jobs to warm up."""
    warm = sizes.many // 100
    rates: dict[str, float] = {}
    for name, count in (("drain_short", warm), ("drain_long", sizes.many)):
        with Bench(peer) as bench:
            bench.prefill(warm + count)
            with bench.worker() as worker:
                start = bench.settled(worker, left=count)
                end = bench.settled(worker)
            bench.verify()
        rates[name] = (start.left - end.left) / ((end.at_ns - start.at_ns) / 1e9)
    return rates
