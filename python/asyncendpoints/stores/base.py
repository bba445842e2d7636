"""What every store can do: one protocol, batch first.

A store applies transitions that the core has decided, and never chooses a state by itself. It keeps its own clock;
`now` (UTC milliseconds) overrides it, so that a virtual clock rules all stores alike (CLK-1). The words that methods
answer with are those of the classes in `asyncendpoints._core`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from asyncendpoints._core import (
        Cancellation,
        Claims,
        Enqueued,
        Expired,
        Page,
        Reservation,
        Settlement,
    )
    from asyncendpoints.job import Job, JobState, NewJob


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTraits:
    """What a store promises, and what it lacks: declared here, told at start, never skipped silently."""

    name: str
    """One word: `memory`, `redis`, `sqlite`, …"""
    durability: str
    """What an accepted job survives, in a sentence for the log."""
    shared: bool
    """Whether several processes see the same jobs."""
    lossless_wakeups: bool
    """Whether a notification can never be lost, so that no fall-back poll is needed."""
    renews_under_held_gil: bool
    """LSE-3b: whether leases hold while a handler keeps the GIL in C."""
    address: str = ""
    """Where the store is, without its password; empty where it is nowhere else."""


class Listener(Protocol):
    """Who wants to be told by a store. Methods may be called from any thread and return at once."""

    def wake(self) -> None:
        """Something may be claimable, or is due earlier than the last claim was told."""
        ...

    def cancel_requested(self, job_id: str, fence: int) -> None:
        """The cancellation of this run was asked for."""
        ...


class LeaseKeeper(Protocol):
    """Renews the leases of one worker's runs, whatever the event loop does (LSE-3a)."""

    def hold(self, runs: Iterable[tuple[str, int, int]]) -> None:
        """Keep the leases of runs `(job_id, fence, timeout_ms)` alive until dropped or past the timeout (LSE-4)."""
        ...

    def drop(self, leases: Iterable[tuple[str, int]]) -> None:
        """Stop renewing runs `(job_id, fence)`: they have been settled. Harmless where one is not held."""
        ...

    def beat(self, *, now: int | None = None) -> None:
        """Say that the loop is alive; after `max_stall` without a beat nothing is renewed (LSE-4)."""
        ...

    async def close(self) -> None:
        """Stop renewing everything."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a listing shows; None leaves a member open."""

    state: JobState | None = None
    queue: str | None = None
    handler: str | None = None
    owner: str | None = None
    request_id: str | None = None
    created_since: int | None = None
    """Created at this time or later (UTC milliseconds)."""
    created_before: int | None = None
    """Created before this time: the listing begins there, without passing what is newer."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Numbers about the whole store, cheap enough to read at every scrape."""

    counts: dict[str, dict[JobState, int]]
    """For each queue, how many jobs are in each state."""
    oldest_ready_at: dict[str, int]
    """For each queue with jobs waiting to be claimed, since when the oldest waits (UTC milliseconds)."""
    paused: frozenset[str]
    """The queues from which nothing is claimed."""


SLOT_MS: Final = 300_000
"""Into how long slots the history of a process is divided, in milliseconds; a time's slot is `time // SLOT_MS`."""
HISTORY_SLOTS: Final = 300
"""How many slots are kept: a day and an hour."""
SIGN_KEPT_MS: Final = 3_600_000
"""How long the last report of a process that has gone without a word is kept, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a process tells the store of itself, again and again. Both bodies are opaque to stores."""

    process: str
    """The process's name, which matches `[A-Za-z0-9_.-]{1,64}`."""
    card: bytes | None
    """What it is and does; None: it ends, and its sign of life goes."""
    slot: int
    """The slot that `history` is about."""
    history: bytes | None
    """What it has counted in that slot so far, which takes the place of what it said before; None: nothing."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A process's last sign of life."""

    process: str
    card: bytes
    seen_at: int
    """When it came, on the store's clock (UTC milliseconds)."""


@dataclass(frozen=True, slots=True)
class Reports:
    """What processes have told."""

    now: int
    """The store's time of this answer (UTC milliseconds)."""
    signs: list[Sign]
    """Of all processes that have not gone, by name."""
    history: list[tuple[int, str, bytes]]
    """Slot, process and what it counted, in this order."""


class Store(Protocol):
    """The protocol.

    Every method may raise `StoreUnavailable`; what it was to do may then have happened or not. What a store can never
    hold it refuses with `StoreRefused`, having done nothing.
    """

    @property
    def traits(self) -> StoreTraits:
        """What this store promises."""
        ...

    async def open(self) -> None:
        """Connect, and set up an empty database. Idempotent."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads. Idempotent."""
        ...

    async def ping(self) -> None:
        """Return if the store answers and its schema is current."""
        ...

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs, each with its key in one atomic write (IDM-3); `max_queued` bounds each queue's waiting jobs."""
        ...

    async def claim(
        self, *, worker: str, claim_id: str, queues: Sequence[str], limit: int, lease_ms: int, now: int | None = None
    ) -> Claims:
        """Promote what is due, then take at most `limit` jobs in order (CLM-1 to CLM-6)."""
        ...

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began when its answer reached nobody."""
        ...

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases `(job_id, fence)`; for each `renewed`, `cancel_requested` (renewed too) or `stale`."""
        ...

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs; for each the state that the job went to, or `stale`."""
        ...

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Promote what is due (CLM-6), then return runs whose lease has passed and is not renewed here."""
        ...

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Apply the table's row for a cancel to the job's present state."""
        ...

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        ...

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job | None:  # noqa: ASYNC109 (a long poll)
        """Return the job as soon as its version is above `version` or it is done, or after `timeout` seconds."""
        ...

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return some jobs, newest first; bounded work, so a page may be short and still carry a cursor."""
        ...

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Return counts and ages for every queue."""
        ...

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Keep what a process tells of itself, let go of what is too old, and return the store's time.

        What a process tells again, because the answer was lost, counts once: it takes the place of what it told before.
        """
        ...

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Return the signs of life, and the history from slot `since` on."""
        ...

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop payloads and results past their retention where the key keeps the record (IDM-4)."""
        ...

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete records that nothing keeps any more (RTN-1)."""
        ...

    async def delete(self, job_id: str) -> bool:
        """Delete a job that has ended."""
        ...

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress; False where the run is stale (LSE-2)."""
        ...

    async def reserve(
        self, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool = False, now: int | None = None
    ) -> Reservation:
        """Reserve an effect of `once` (EFF-1); repeated with its nonce it answers as the first time."""
        ...

    async def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record a reserved effect's value, or give the reservation back (None); False where stale."""
        ...

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims from a queue."""
        ...

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Tell the listener of work in these queues and of cancels of this worker's runs; return how to stop."""
        ...

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseKeeper:
        """Make the lease keeper of a worker."""
        ...
