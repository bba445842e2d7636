"""A store that fails on purpose: before an operation, after it (applied, reply lost), late, or without telling."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from asyncendpoints.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from asyncendpoints._core import Cancellation, Claims, Enqueued, Expired, Page, Reservation, Settlement
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.base import (
        JobFilter,
        LeaseKeeper,
        Listener,
        Report,
        Reports,
        Store,
        StoreStats,
        StoreTraits,
    )

T = TypeVar("T")

Fault: TypeAlias = Literal["before", "after"]
"""Whether a failed operation has been applied."""


class _Deaf:
    """A listener that hears nothing."""

    def wake(self) -> None:
        """Ignore a wake-up."""

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """Ignore a cancel."""


class FaultyStore:
    """A store whose operations fail as told; untold, it is the store that it wraps.

    A failed operation raises `StoreUnavailable`. Operations are named as in `Store`.

    Args:
        inner: The store that does the work.
        drop_notifications: Whether workers are told of nothing, as over a connection that has quietly broken; the
            traits then say that notifications can be lost.
    """

    def __init__(self, inner: Store, *, drop_notifications: bool = False) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()
        """How often each operation was asked for."""
        self.faults = 0
        """How many operations have failed."""
        self._drop = drop_notifications
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._gates: dict[str, asyncio.Event] = {}
        self._chance: Callable[[str], Fault | None] = lambda _: None

    # What to do wrong

    def fail_before(self, operation: str, times: int = 1) -> None:
        """Let the next calls of an operation fail before they reach the store."""
        self._plan(operation, "before", times)

    def fail_after(self, operation: str, times: int = 1) -> None:
        """Let the next calls of an operation be applied, and lose their replies."""
        self._plan(operation, "after", times)

    def _plan(self, operation: str, fault: Fault, times: int) -> None:
        self._planned[operation].extend(repeat(fault, times))

    def fail_at_random(self, seed: int, rate: float, operations: Sequence[str]) -> None:
        """Let operations fail before or after, each with this probability, reproducibly.

        Args:
            seed: Two stores with one seed fail alike.
            rate: From 0 (never) to 1.
            operations: Which of them.
        """
        dice = random.Random(seed)  # noqa: S311 (reproducible, not secret)
        afflicted = frozenset(operations)

        def chance(operation: str) -> Fault | None:
            if operation not in afflicted or dice.random() >= rate:
                return None
            return "before" if dice.random() < 0.5 else "after"

        self._chance = chance

    def heal(self) -> None:
        """Fail no more, and let go what is held."""
        self._planned.clear()
        self._chance = lambda _: None
        for operation in tuple(self._gates):
            self.release(operation)

    def hold(self, operation: str) -> None:
        """Keep the calls of an operation from reaching the store until they are released."""
        self._gates.setdefault(operation, asyncio.Event())

    def release(self, operation: str) -> None:
        """Let the held calls of an operation go on, and later ones pass."""
        gate = self._gates.pop(operation, None)
        if gate is not None:
            gate.set()

    async def _do(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls[operation] += 1
        planned = self._planned.get(operation)
        fault = planned.popleft() if planned else self._chance(operation)
        if fault == "before":
            self.faults += 1
            raise StoreUnavailable(f"{operation} failed before it reached the store")
        if (gate := self._gates.get(operation)) is not None:
            await gate.wait()
        answer = await call()
        if fault == "after":
            self.faults += 1
            raise StoreUnavailable(f"{operation} was applied, and its reply was lost")
        return answer

    # What the store does

    @property
    def traits(self) -> StoreTraits:
        """What the wrapped store promises, less what is taken from it."""
        traits = self.inner.traits
        return replace(traits, lossless_wakeups=False) if self._drop else traits

    async def open(self) -> None:
        """Open the store."""
        await self._do("open", self.inner.open)

    async def close(self) -> None:
        """Close the store."""
        await self._do("close", self.inner.close)

    async def ping(self) -> None:
        """Ask whether the store answers."""
        await self._do("ping", self.inner.ping)

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs."""
        return await self._do("enqueue", lambda: self.inner.enqueue(jobs, max_queued=max_queued, now=now))

    async def claim(
        self,
        *,
        worker: str,
        claim_id: str,
        queues: Sequence[str],
        limit: int,
        lease_ms: int,
        now: int | None = None,
    ) -> Claims:
        """Claim jobs."""
        return await self._do(
            "claim",
            lambda: self.inner.claim(
                worker=worker, claim_id=claim_id, queues=queues, limit=limit, lease_ms=lease_ms, now=now
            ),
        )

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began."""
        return await self._do("release_claim", lambda: self.inner.release_claim(claim_id, now=now))

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases."""
        return await self._do("renew", lambda: self.inner.renew(leases, lease_ms=lease_ms, now=now))

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs."""
        return await self._do("settle", lambda: self.inner.settle(settlements, now=now))

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Return runs whose lease has passed."""
        return await self._do("expired", lambda: self.inner.expired(limit=limit, now=now))

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Cancel a job."""
        return await self._do("cancel", lambda: self.inner.cancel(job_id, now=now))

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued."""
        return await self._do("run_now", lambda: self.inner.run_now(job_id, now=now))

    async def get(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        return await self._do("get", lambda: self.inner.get(job_id))

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job | None:  # noqa: ASYNC109 (a long poll)
        """Wait for a job's next version."""
        return await self._do("wait", lambda: self.inner.wait(job_id, version=version, timeout=timeout))

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """List jobs."""
        return await self._do("list", lambda: self.inner.list(where, cursor=cursor, limit=limit))

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Return counts and ages."""
        return await self._do("stats", lambda: self.inner.stats(now=now))

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Keep what a process tells of itself."""
        return await self._do("report", lambda: self.inner.report(report, now=now))

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Return what processes have told."""
        return await self._do("reports", lambda: self.inner.reports(since=since, now=now))

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop bodies past their retention."""
        return await self._do("strip", lambda: self.inner.strip(limit=limit, now=now))

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete what nothing keeps."""
        return await self._do("prune", lambda: self.inner.prune(limit=limit, now=now))

    async def delete(self, job_id: str) -> bool:
        """Delete a job that has ended."""
        return await self._do("delete", lambda: self.inner.delete(job_id))

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress."""
        return await self._do("progress", lambda: self.inner.progress(job_id, fence, body, now=now))

    async def reserve(
        self, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool = False, now: int | None = None
    ) -> Reservation:
        """Reserve an effect."""
        return await self._do(
            "reserve", lambda: self.inner.reserve(job_id, fence, key, nonce, takeover=takeover, now=now)
        )

    async def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record an effect, or give it back."""
        return await self._do("record", lambda: self.inner.record(job_id, fence, key, nonce, value, now=now))

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims from a queue."""
        await self._do("pause", lambda: self.inner.pause(queue, paused))

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Tell the listener, unless notifications are dropped."""
        return self.inner.subscribe(worker, queues, _Deaf() if self._drop else listener)

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseKeeper:
        """Make the lease keeper of a worker."""
        return self.inner.keeper(worker=worker, lease_ms=lease_ms, max_stall_ms=max_stall_ms)
