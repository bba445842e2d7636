"""What the processes of an application tell each other through the store: what they are, and what they have counted.

A process writes its card and its counts of the present slot every few seconds; the dashboard and the command line read
those of all. Members may be added: who reads passes over what it does not know.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

REPORT_EVERY: Final = 5.0
"""Seconds between two reports of a process."""
MISSED_AFTER: Final = 20.0
"""Seconds without a report after which a process counts as stalled or gone."""
NO_SLOT: Final = 2**40
"""A slot that no history has: who asks for it gets the signs of life alone."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number that a page or a program can work with: what is none makes the whole report unreadable, and no page."""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process is and does."""

    host: str
    pid: Count
    version: str
    """The library's."""
    python: str
    started_at: Count
    """When its engine started (UTC milliseconds)."""
    worker: str | None = None
    """The name that its runs bear; None: it works on nothing."""
    queues: list[str] = []
    """Which queues it works on."""
    handlers: list[str] = []
    """Which handlers it knows, at most `MAX_HANDLERS` of them."""
    slots: Count = 0
    """How many jobs it may run at once."""
    busy: Count = 0
    """How many it runs."""
    draining: bool = False
    stalled_ms: Count = 0
    """The longest time that its event loop was held up since the report before."""
    leases_lost: Count = 0
    """How many of its runs had lost their lease when they ended, since the start."""


MAX_HANDLERS: Final = 500


class EndpointCounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What happened to the jobs of one endpoint in one queue."""

    created: Count = 0
    replayed: Count = 0
    refused: Count = 0
    attempts: dict[str, Count] = {}
    """Runs that ended, by outcome."""
    ended: dict[str, Count] = {}
    """Jobs that ended, by state."""
    ran: dict[Count, Count] = {}
    """How long runs took: for each bucket of `histogram` in which there is one, how many."""
    waited: dict[Count, Count] = {}
    """How long jobs waited from being runnable to the start of a run, likewise."""


class SlotCounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a process has counted in one slot."""

    endpoints: dict[str, dict[str, EndpointCounts]] = {}
    """By endpoint, then by queue."""
    oldest_ms: dict[str, Count] = {}
    """For each queue, the longest that its oldest waiting job was seen to have waited."""


def encode_card(card: Card) -> bytes:
    """Return a card as it is stored."""
    return msgspec.json.encode(card)


def decode_card(body: bytes) -> Card | None:
    """Return a stored card; None where it is none that this release can read."""
    try:
        return msgspec.json.decode(body, type=Card)
    except msgspec.MsgspecError:
        return None


def encode_counts(counts: SlotCounts) -> bytes:
    """Return a slot's counts as they are stored."""
    return msgspec.json.encode(counts)


def decode_counts(body: bytes) -> SlotCounts | None:
    """Return stored counts; None where they are none that this release can read."""
    try:
        return msgspec.json.decode(body, type=SlotCounts)
    except msgspec.MsgspecError:
        return None
