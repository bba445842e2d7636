"""The store under test and the clock that rules it, with the words that the rules are written in."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from asyncendpoints._core import Backoff, NewJob, Settlement, decide, new_job_id
from asyncendpoints.testing.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from asyncendpoints._core import Claim, Claims, Enqueued, Reservation
    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Store
    from asyncendpoints.testing.clock import VirtualClock

    StoreFactory: TypeAlias = Callable[[], Store]
else:
    StoreFactory: TypeAlias = "Callable[[], Store]"

LEASE_MS = 15_000
DAY_MS = 86_400_000


class Subject:
    """A store, opened, with nothing in it; every operation is told the virtual clock's time."""

    def __init__(self, store: Store, make: StoreFactory, clock: VirtualClock) -> None:
        self.store = store
        self.make = make
        self.clock = clock
        self._numbers = count(1)

    async def __aenter__(self) -> Subject:
        await self.store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.store.close()

    @property
    def now(self) -> int:
        """Where the clock stands, in UTC milliseconds."""
        return self.clock.now

    def advance(self, milliseconds: int) -> None:
        """Move the clock on."""
        self.clock.move_to(self.clock.now + milliseconds)

    def new_job(self, **fields: Any) -> NewJob:
        """Describe a job; every field has a default, and `key` alone brings a scope and a fingerprint."""
        fields.setdefault("job_id", new_job_id(now=self.now))
        fields.setdefault("handler", "work")
        if fields.get("key") is not None:
            fields.setdefault("scope", "work")
            fields.setdefault("fingerprint", b"f" * 32)
        return NewJob(**fields)

    async def enqueue(self, *jobs: NewJob, max_queued: int | None = None) -> list[Enqueued]:
        """Store jobs in one call."""
        return await self.store.enqueue(jobs, max_queued=max_queued, now=self.now)

    async def submit(self, **fields: Any) -> Job:
        """Store one job and return it as stored."""
        (answer,) = await self.enqueue(self.new_job(**fields))
        if answer.word != "created" or answer.job is None:
            raise AssertionError(f"a new job should have been created, but the answer was {answer.word!r}")
        return answer.job

    async def claim(
        self,
        *,
        limit: int = 100,
        queues: Sequence[str] = ("default",),
        worker: str = "worker-1",
        claim_id: str | None = None,
        lease_ms: int = LEASE_MS,
    ) -> Claims:
        """Claim jobs."""
        return await self.store.claim(
            worker=worker,
            claim_id=claim_id or f"claim-{next(self._numbers)}",
            queues=queues,
            limit=limit,
            lease_ms=lease_ms,
            now=self.now,
        )

    async def take(self, **how: Any) -> Claim:
        """Claim one job, which must be there."""
        claims = (await self.claim(limit=1, **how)).claims
        if len(claims) != 1:
            raise AssertionError("there should have been a job to claim")
        return claims[0]

    async def start(self, **fields: Any) -> Claim:
        """Store a job and claim it."""
        job = await self.submit(**fields)
        claim = await self.take(queues=[job.queue])
        if claim.job_id != job.job_id:
            raise AssertionError("the only job that could be claimed should have been claimed")
        return claim

    async def settle(self, claim: Claim, event: Any = "returned", **how: Any) -> str:
        """End a run; the default backoff is fixed at 1,000 ms and the default nonce is a new one."""
        how.setdefault("backoff", Backoff.fixed(1_000))
        how.setdefault("nonce", next(self._numbers))
        (answer,) = await self.store.settle([Settlement.of(claim, event, **how)], now=self.now)
        return answer

    async def finish(self, state: str, **fields: Any) -> Job:
        """Bring a new job to a terminal state: `completed`, `failed` or `canceled`."""
        if state == "canceled":
            job = await self.submit(**fields)
            await self.store.cancel(job.job_id, now=self.now)
            return await self.get(job.job_id)
        claim = await self.start(**fields)
        await self.settle(claim, "returned" if state == "completed" else "raised_final", result=b"1", error=b"{}")
        return await self.get(claim.job_id)

    async def rescue(self, *, limit: int = 100) -> list[str]:
        """Do what a sweep does: read what has expired, decide, settle what is still expired."""
        found = await self.store.expired(limit=limit, now=self.now)
        return await self.store.settle(
            [
                Settlement(
                    job_id=run.job_id,
                    fence=run.fence,
                    verdict=decide("lost", attempt=run.attempt, max_attempts=run.max_attempts),
                    verdict_if_canceled=decide(
                        "lost", attempt=run.attempt, max_attempts=run.max_attempts, cancel_requested=True
                    ),
                    nonce=next(self._numbers),
                    only_expired=True,
                )
                for run in found
            ],
            now=self.now,
        )

    async def renew(self, claim: Claim, *, fence: int | None = None, lease_ms: int = LEASE_MS) -> str:
        """Renew one lease."""
        lease = (claim.job_id, claim.fence if fence is None else fence)
        (answer,) = await self.store.renew([lease], lease_ms=lease_ms, now=self.now)
        return answer

    async def reserve(
        self, claim: Claim, key: str = "effect", nonce: str = "nonce-1", *, takeover: bool = False
    ) -> Reservation:
        """Reserve an effect."""
        return await self.store.reserve(claim.job_id, claim.fence, key, nonce, takeover=takeover, now=self.now)

    async def record(
        self, claim: Claim, key: str = "effect", nonce: str = "nonce-1", value: bytes | None = b"1"
    ) -> bool:
        """Record an effect's value, or give it back."""
        return await self.store.record(claim.job_id, claim.fence, key, nonce, value, now=self.now)

    async def get(self, job_id: str) -> Job:
        """Return a job that must be there."""
        job = await self.store.get(job_id)
        if job is None:
            raise AssertionError(f"the store should hold job {job_id}")
        return job

    async def picture(self, job_id: str) -> dict[str, Any] | None:
        """Return everything that a reader sees of a job as plain values, or None where there is none."""
        job = await self.store.get(job_id)
        return None if job is None else snapshot(job)

    async def ids_claimed(self, **how: Any) -> list[str]:
        """Claim, and return the jobs' ids in the order given."""
        return [claim.job_id for claim in (await self.claim(**how)).claims]
