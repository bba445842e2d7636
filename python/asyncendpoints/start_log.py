"""What the log says when a process starts: which store, what it promises, and what this process works on."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.settings import Settings
    from asyncendpoints.stores.base import StoreTraits


def format_queues(queues: Sequence[str] | Mapping[str, int]) -> str:
    """Write queues as the command line takes them: `default,reports` or `default=3,reports=1`."""
    if isinstance(queues, Mapping):
        return ",".join(f"{queue}={weight}" for queue, weight in queues.items())
    return ",".join(queues)


def describe_start(
    traits: StoreTraits, settings: Settings, queues: Sequence[str], worker: str | None, outbox: str | None = None
) -> str:
    """Return the one line of a start.

    Args:
        traits: The store's.
        settings: Concurrency, and queues with weights.
        queues: The queues of the registered handlers, on which a worker works that was not told others.
        worker: The worker's name; None where this process has none.
        outbox: Where the outbox is; None where there is none.
    """
    address = f" at {traits.address}" if traits.address else ""
    relayed = "" if outbox is None else f", outbox at {outbox}"
    process = f"{multiprocessing.current_process().name} (process {os.getpid()})"
    if worker is None:
        work = "no worker"
    else:
        names = format_queues(settings.queues or queues) or "none yet"
        work = f"{worker}, queues {names}, {settings.concurrency} jobs at once"
    return f"started in {process}: {traits.name} store{address}{relayed}; {work}. {traits.durability}"
