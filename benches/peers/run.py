"""Measure other libraries beside this one, in one run: `python -m benches.peers.run --family redis` or `sql`.

Every peer gets an environment of its own from pinned versions, a private database for each measurement, and its turn in
each repeat. `--quick` is a smoke run whose figures say nothing; the results of anything less than a whole run go to the
cache and not to the committed ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from benches import report
from benches.peers.environments import CACHE
from benches.peers.measures import QUICK, Sizes
from benches.peers.submit import submit
from benches.peers.table import figures, lines
from benches.results import RESULTS, save

if TYPE_CHECKING:
    from benches.peers.catalogue import Peer
    from benches.peers.family import Family, Part
    from benches.peers.table import Taken

FAMILIES: Final = {"redis": "benches.peers.on_redis", "sql": "benches.peers.on_sql"}
"""For each family the module that has it."""
HTTP: Final = "http"
"""The part that has servers instead of peers."""


def _in_turns(name: str, part: Part, peers: list[Peer], sizes: Sizes, taken: Taken) -> None:
    for repeat in range(part.repeats):
        for peer in peers:
            begun = time.monotonic()
            for metric, value in part.measure(peer, sizes).items():
                taken.setdefault(peer.name, {}).setdefault(metric, []).append(value)
            print(f"  {name} {repeat + 1}/{part.repeats} {peer.name}: {time.monotonic() - begun:.1f} s", flush=True)


def _over_http(family: Family, peers: list[Peer], sizes: Sizes, often: int | None, taken: Taken) -> None:
    by_name = {peer.name: peer for peer in peers}
    servers = {name: (by_name[peer], app) for name, (peer, app) in family.servers.items() if peer in by_name}
    whose, repeats = family.http
    if servers:
        # What is compared here is of one kind, so the other servers' rates stand beside ours.
        taken.setdefault(whose, {}).update(submit(servers, sizes.http, often or repeats))


def measured(family: Family, names: list[str], peers: list[Peer], sizes: Sizes, often: int | None) -> Taken:
    """Measure the parts one after the other, each with all peers in turns."""
    taken: Taken = {}
    for name in names:
        print(f"{name} …", flush=True)
        if name == HTTP:
            _over_http(family, peers, sizes, often, taken)
        else:
            part = family.parts[name]
            part = part._replace(repeats=often or part.repeats)
            chosen = [peer for peer in peers if not part.only or peer.name in part.only]
            _in_turns(name, part, chosen, sizes, taken)
    return taken


def _chosen(text: str | None, known: list[str], what: str, parser: argparse.ArgumentParser) -> list[str]:
    names = text.split(",") if text else known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"there is no {what} named {unknown[0]}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def main() -> int:
    """Run what the command line asks for, keep the results, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benches.peers.run", description=__doc__)
    parser.add_argument("--family", choices=[*FAMILIES], default="redis", help="what is compared")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, once, not kept with the results")
    parser.add_argument("--only", metavar="NAMES", help="these peers, with commas between them")
    parser.add_argument("--parts", metavar="NAMES", help="these parts, with commas between them")
    parser.add_argument("--repeats", type=int, metavar="N", help="how often each part is taken; by default as it needs")
    options = parser.parse_args()
    family: Family = import_module(FAMILIES[options.family]).FAMILY
    every_part = [*family.parts, HTTP]
    names = _chosen(options.only, [peer.name for peer in family.peers], "peer", parser)
    parts = _chosen(options.parts, every_part, "part", parser)
    peers = [peer for peer in family.peers if peer.name in names]
    often = 1 if options.quick else options.repeats
    taken = measured(family, parts, peers, QUICK if options.quick else family.sizes, often)
    titles = {peer.name: peer.title for peer in peers}
    record: dict[str, Any] = {
        "titles": titles,
        "licences": {peer.name: peer.licence for peer in peers},
        **family.versions(),
        "taken": taken,
    }
    whole = often is None and len(peers) == len(family.peers) and len(parts) == len(every_part)
    found = figures(family.table, taken, titles)
    path = save(family.name, found, folder=RESULTS if whole else CACHE, peers=record)
    print("\n".join(lines(family.table, record)))
    for figure in found:
        print("  " + report.line(figure))
    print(f"kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
