"""Two stores that are told the same and must answer the same, member for member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.snapshot import CLAIM_FIELDS, snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from asyncendpoints._core import Cancellation, Claims, Enqueued, Expired, Page, Reservation, Settlement
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.base import LeaseKeeper, Listener, Report, Reports, Store, StoreStats, StoreTraits


class TwinStore:
    """A store that asks two, complains where they differ, and answers as the first.

    Where a store may choose (which of many expired runs it names first), the choices are not compared.

    Args:
        one: The store whose answers are returned.
        other: The store that is held against it.
    """

    def __init__(self, one: Store, other: Store) -> None:
        self.one = one
        self.other = other

    async def _both(self, what: str, ask: Callable[[Store], Awaitable[Any]], look: Callable[[Any], Any]) -> Any:
        first, second = await ask(self.one), await ask(self.other)
        here, there = look(first), look(second)
        if here != there:
            names = (self.one.traits.name, self.other.traits.name)
            raise AssertionError(f"{what}: {names[0]} says {here!r}, {names[1]} says {there!r}")
        return first

    @property
    def traits(self) -> StoreTraits:
        """What the first store promises."""
        return self.one.traits

    async def open(self) -> None:
        """Open both."""
        await self.one.open()
        await self.other.open()

    async def close(self) -> None:
        """Close both."""
        await self.one.close()
        await self.other.close()

    async def ping(self) -> None:
        """Ask both."""
        await self.one.ping()
        await self.other.ping()

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs in both."""
        return await self._both(
            "enqueue",
            lambda store: store.enqueue(jobs, max_queued=max_queued, now=now),
            lambda answers: [(answer.word, _picture(answer.job)) for answer in answers],
        )

    async def claim(self, **how: Any) -> Claims:
        """Claim from both."""
        return await self._both(
            "claim",
            lambda store: store.claim(**how),
            lambda answer: (
                [{field: getattr(claim, field) for field in CLAIM_FIELDS} for claim in answer.claims],
                answer.next_due_ms,
            ),
        )

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began in both."""
        return await self._both("release_claim", lambda store: store.release_claim(claim_id, now=now), _itself)

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases in both."""
        return await self._both("renew", lambda store: store.renew(leases, lease_ms=lease_ms, now=now), list)

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs in both."""
        return await self._both("settle", lambda store: store.settle(settlements, now=now), list)

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Return runs whose lease has passed in both; of more than the limit, either may name any."""

        def facts(found: list[Expired]) -> Any:
            if len(found) == limit:
                return limit
            return sorted(
                (run.job_id, run.fence, run.attempt, run.max_attempts, run.cancel_requested, run.handler)
                for run in found
            )

        return await self._both("expired", lambda store: store.expired(limit=limit, now=now), facts)

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Cancel in both."""
        return await self._both(
            "cancel",
            lambda store: store.cancel(job_id, now=now),
            lambda answer: (answer.word, _picture(answer.job)),
        )

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued in both."""
        return await self._both("run_now", lambda store: store.run_now(job_id, now=now), _picture)

    async def get(self, job_id: str) -> Job | None:
        """Read the job in both."""
        return await self._both("get", lambda store: store.get(job_id), _picture)

    async def wait(self, job_id: str, *, version: int, timeout: float) -> Job | None:  # noqa: ASYNC109 (a long poll)
        """Wait in both."""
        return await self._both("wait", lambda store: store.wait(job_id, version=version, timeout=timeout), _picture)

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """List in the first store; a first page compares the whole listings, since either may cut pages its own way."""
        if cursor is None:

            async def everything(store: Store) -> list[Any]:
                found: list[Any] = []
                after: str | None = None
                while True:
                    page = await store.list(where, cursor=after, limit=limit)
                    assert len(page.jobs) <= limit
                    found += [_picture(job) for job in page.jobs]
                    after = page.cursor
                    if after is None:
                        return found

            await self._both("list", everything, _itself)
        return await self.one.list(where, cursor=cursor, limit=limit)

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Count in both; a count of zero may be told or left out."""

        def numbers(stats: StoreStats) -> Any:
            counts = {
                (queue, state): number
                for queue, states in stats.counts.items()
                for state, number in states.items()
                if number
            }
            return counts, stats.oldest_ready_at, stats.paused

        return await self._both("stats", lambda store: store.stats(now=now), numbers)

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Report to both."""
        return await self._both("report", lambda store: store.report(report, now=now), _itself)

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Read what both were told."""
        return await self._both("reports", lambda store: store.reports(since=since, now=now), _itself)

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Strip in both."""
        return await self._both("strip", lambda store: store.strip(limit=limit, now=now), _itself)

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Prune in both."""
        return await self._both("prune", lambda store: store.prune(limit=limit, now=now), _itself)

    async def delete(self, job_id: str) -> bool:
        """Delete in both."""
        return await self._both("delete", lambda store: store.delete(job_id), _itself)

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress in both."""
        return await self._both("progress", lambda store: store.progress(job_id, fence, body, now=now), _itself)

    async def reserve(self, job_id: str, fence: int, key: str, nonce: str, **how: Any) -> Reservation:
        """Reserve an effect in both."""
        return await self._both(
            "reserve",
            lambda store: store.reserve(job_id, fence, key, nonce, **how),
            lambda answer: (answer.word, answer.value),
        )

    async def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record an effect in both."""
        return await self._both(
            "record", lambda store: store.record(job_id, fence, key, nonce, value, now=now), _itself
        )

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims in both."""
        await self.one.pause(queue, paused)
        await self.other.pause(queue, paused)

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Listen to the first store."""
        return self.one.subscribe(worker, queues, listener)

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseKeeper:
        """Keep leases in the first store."""
        return self.one.keeper(worker=worker, lease_ms=lease_ms, max_stall_ms=max_stall_ms)


def _picture(job: Job | None) -> dict[str, Any] | None:
    return None if job is None else snapshot(job)


def _itself(answer: Any) -> Any:
    return answer
