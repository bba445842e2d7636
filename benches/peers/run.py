"""Measure the peers on Redis beside this library, in one run: `python -m benches.peers.run`.

Every peer gets an environment of its own from pinned versions, a private Redis without persistence for each
measurement, and its turn in each repeat. `--quick` is a smoke run whose figures say nothing; the results of anything
less than a whole run go to the cache and not to the committed ones.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benches import report
from benches.peers import scaling
from benches.peers.catalogue import PEERS
from benches.peers.environments import CACHE
from benches.peers.measures import MEASURES, QUICK, Sizes
from benches.peers.submit import SERVERS, submit
from benches.peers.table import figures, lines
from benches.results import RESULTS, save
from tests.support.redis_server import find_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.peers.catalogue import Peer

NAME: Final = "7-redis"
REPEATS: Final = {"drain": 3, "enqueue": 3, "pickup": 3, "memory": 1, "workers": 3, "million": 3, "http": 3}
"""The parts, in their order, with how often each is repeated; bytes do not vary."""
ALONE: Final = {"workers": scaling.second_worker, "million": scaling.long_queue}
"""What is measured of this library only."""


def _in_turns(
    part: str, peers: list[Peer], sizes: Sizes, repeats: int, taken: dict[str, dict[str, list[float]]]
) -> None:
    measure: Callable[[Peer, Sizes], dict[str, float]] = ALONE[part] if part in ALONE else MEASURES[part]
    for repeat in range(repeats):
        for peer in peers:
            begun = time.monotonic()
            for metric, value in measure(peer, sizes).items():
                taken.setdefault(peer.name, {}).setdefault(metric, []).append(value)
            print(f"  {part} {repeat + 1}/{repeats} {peer.name}: {time.monotonic() - begun:.1f} s", flush=True)


def _over_http(peers: list[Peer], sizes: Sizes, repeats: int, taken: dict[str, dict[str, list[float]]]) -> None:
    names = {peer.name for peer in peers}
    servers = [server for server, (peer, _) in SERVERS.items() if peer in names]
    if servers:
        # What is compared here is of one kind, so the other servers' rates stand beside ours.
        taken.setdefault("ours", {}).update(submit(servers, sizes.http, repeats))


def measured(parts: list[str], peers: list[Peer], sizes: Sizes, often: int | None) -> dict[str, dict[str, list[float]]]:
    """Measure the parts one after the other, each with all peers in turns."""
    taken: dict[str, dict[str, list[float]]] = {}
    for part in parts:
        repeats = often or REPEATS[part]
        print(f"{part} …", flush=True)
        if part == "http":
            _over_http(peers, sizes, repeats, taken)
        else:
            chosen = [peer for peer in peers if part not in ALONE or peer.name == "ours"]
            _in_turns(part, chosen, sizes, repeats, taken)
    return taken


def _version(*command: str) -> str:
    return subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout.strip()


def _chosen(text: str | None, known: list[str], what: str, parser: argparse.ArgumentParser) -> list[str]:
    names = text.split(",") if text else known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"there is no {what} named {unknown[0]}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def main() -> int:
    """Run what the command line asks for, keep the results, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benches.peers.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, once, not kept with the results")
    parser.add_argument("--only", metavar="NAMES", help=f"of {','.join(peer.name for peer in PEERS)}")
    parser.add_argument("--parts", metavar="NAMES", help=f"of {','.join(REPEATS)}")
    parser.add_argument("--repeats", type=int, metavar="N", help="how often each part is taken; by default as it needs")
    options = parser.parse_args()
    names = _chosen(options.only, [peer.name for peer in PEERS], "peer", parser)
    parts = _chosen(options.parts, [*REPEATS], "part", parser)
    peers = [peer for peer in PEERS if peer.name in names]
    sizes = QUICK if options.quick else Sizes()
    often = 1 if options.quick else options.repeats
    taken = measured(parts, peers, sizes, often)
    titles = {peer.name: peer.title for peer in peers}
    record: dict[str, Any] = {
        "titles": titles,
        "licences": {peer.name: peer.licence for peer in peers},
        "redis": _version(str(find_server())),
        "node": _version("node") if "bullmq" in names else None,
        "taken": taken,
    }
    whole = often is None and len(peers) == len(PEERS) and len(parts) == len(REPEATS)
    found = figures(taken, titles)
    path = save(NAME, found, folder=RESULTS if whole else CACHE, peers=record)
    print("\n".join(lines(record)))
    for figure in found:
        print("  " + report.line(figure))
    print(f"kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
