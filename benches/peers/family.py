"""What is compared in one run: who, by which measures, and what the figures are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benches.peers.measures import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benches.peers.catalogue import Peer
    from benches.peers.table import Table


class Part(NamedTuple):
    """One measure of a run."""

    measure: Callable[[Peer, Sizes], dict[str, float]]
    """Takes one repeat."""
    repeats: int
    """How often."""
    only: Sequence[str] = ()
    """Of which peers; all where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Libraries that are compared with one another.

    Args:
        name: What `--family` calls it, and the result file is called.
        table: What is measured, and what is wanted.
        peers: Who is compared.
        parts: The measures in their order, by name.
        servers: For each server that takes submissions over HTTP the peer whose environment and database it has, and
            its application; `bare_…` stores nothing.
        http: To which peer the rates of the servers are written, and how often they are taken.
        versions: Names the versions of what is not a peer.
        sizes: How much is measured.
    """

    name: str
    table: Table
    peers: Sequence[Peer]
    parts: Mapping[str, Part]
    servers: Mapping[str, tuple[str, str]]
    http: tuple[str, int]
    versions: Callable[[], dict[str, str]]
    sizes: Sizes = field(default_factory=Sizes)
