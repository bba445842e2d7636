"""The client's half of the measurements: the same loops for every Python peer.

`python -m benches.peers.clients.NAME OPERATION ARGUMENTS` prints one JSON object; `bullmq/client.mjs` has the same
operations. Importing and connecting are not measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from benches.peers.clients.handlers import make_payload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

IN_FLIGHT: Final = 50
BATCH: Final = 1_000
GAP: Final = (0.005, 0.030)
"""The least and the longest pause between two jobs for an idle worker, in seconds."""


class Client(ABC):
    """One peer, from the side that enqueues."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connections."""

    @abstractmethod
    async def enqueue(self, handler: str, payload: dict[str, Any]) -> str:
        """Enqueue one job and return its id."""

    @abstractmethod
    async def is_done(self, job_id: str, number: int) -> bool:
        """Tell whether the job is stored as completed, and with this result where the library keeps results."""

    async def enqueue_many(self, handler: str, payloads: list[dict[str, Any]]) -> list[str]:
        """Enqueue a batch in the fastest way that the peer has, and return the ids; by default from fifty tasks."""
        waiting = iter(range(len(payloads)))
        ids = [""] * len(payloads)

        async def enqueue() -> None:
            for number in waiting:
                ids[number] = await self.enqueue(handler, payloads[number])

        await asyncio.gather(*[enqueue() for _ in range(IN_FLIGHT)])
        return ids


def _write_ids(file: str, ids: list[str]) -> None:
    Path(file).write_text("\n".join(ids), encoding="utf-8")


def _read_ids(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").split("\n")


async def prefill(client: Client, handler: str, count: str, ids: str) -> dict[str, Any]:
    """Enqueue so many jobs, and keep their ids in a file."""
    kept: list[str] = []
    for first in range(0, int(count), BATCH):
        payloads = [make_payload(number) for number in range(first, min(first + BATCH, int(count)))]
        kept += await client.enqueue_many(handler, payloads)
    _write_ids(ids, kept)
    return {"jobs": len(set(kept))}


async def sequential(client: Client, count: str) -> dict[str, Any]:
    """Enqueue one job after the other."""
    payloads = [make_payload(number) for number in range(int(count))]
    begun = time.perf_counter()
    for payload in payloads:
        await client.enqueue("noop", payload)
    return {"seconds": time.perf_counter() - begun}


async def concurrent(client: Client, count: str) -> dict[str, Any]:
    """Enqueue from fifty tasks at once."""
    payloads = iter([make_payload(number) for number in range(int(count))])

    async def enqueue() -> None:
        for payload in payloads:
            await client.enqueue("noop", payload)

    begun = time.perf_counter()
    await asyncio.gather(*[enqueue() for _ in range(IN_FLIGHT)])
    return {"seconds": time.perf_counter() - begun}


async def bulk(client: Client, count: str) -> dict[str, Any]:
    """Enqueue in batches of a thousand."""
    batches = [
        [make_payload(number) for number in range(first, first + BATCH)] for first in range(0, int(count), BATCH)
    ]
    begun = time.perf_counter()
    for batch in batches:
        await client.enqueue_many("noop", batch)
    return {"seconds": time.perf_counter() - begun}


async def pickup(client: Client, count: str) -> dict[str, Any]:
    """Enqueue jobs for an idle worker, each with the time from before its enclient."""
    pauses = random.Random(1)
    for number in range(int(count)):
        await asyncio.sleep(pauses.uniform(*GAP))
        await client.enqueue("pickup", {"number": number, "text": str(time.monotonic_ns())})
    return {"jobs": int(count)}


async def verify(client: Client, ids: str, samples: str) -> dict[str, Any]:
    """Ask the peer for jobs, evenly spread, and count those that are done, with what the handler returned."""
    kept = _read_ids(ids)
    numbers = range(0, len(kept), max(1, len(kept) // int(samples)))
    right = 0
    for number in numbers:
        right += await client.is_done(kept[number], number)
    return {"asked": len(numbers), "right": right}


OPERATIONS: Final[dict[str, Callable[..., Awaitable[dict[str, Any]]]]] = {
    "prefill": prefill,
    "sequential": sequential,
    "concurrent": concurrent,
    "bulk": bulk,
    "pickup": pickup,
    "verify": verify,
}


def main(make_client: Callable[[], Client]) -> None:
    """Run the operation that the command line names, and print what it found."""

    async def run() -> dict[str, Any]:
        client = make_client()
        await client.open()
        try:
            return await OPERATIONS[sys.argv[1]](client, *sys.argv[2:])
        finally:
            await client.close()

    uvloop.install()
    print(json.dumps(asyncio.run(run())))
