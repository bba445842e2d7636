"""Everything at once on Redis: calls of many tasks over several connections, joined as they come."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Backoff, Claim, NewJob, Settlement, new_job_id
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.redis_stores import RedisStores

TASKS: Final = 24
STEPS: Final = 3_000 if os.environ.get("STATEFUL") == "deep" else 300
LEASE_MS: Final = 600_000
"""No lease ends here: whoever holds a run holds it until it says otherwise."""
QUEUES: Final = ("default", "reports")
EVENTS: Final = ("returned", "returned", "raised", "raised_final", "timed_out", "released")


class Crowd:
    """Tasks that do what they like to the jobs of one namespace, and what must be true of the answers."""

    def __init__(self, stores: list[RedisStore]) -> None:
        self._stores = stores
        self._ids: list[str] = []
        self._held: dict[str, Claim] = {}
        self._fences: Counter[str] = Counter()
        self._canceled: set[str] = set()
        self._keys: dict[str, str] = {}

    @property
    def _store(self) -> RedisStore:
        return random.choice(self._stores)

    async def act(self, steps: int) -> None:
        """Do random things, one after the other."""
        deeds: list[Callable[[], Awaitable[None]]] = [self.submit, self.claim, self.settle, self.write, self.ask]
        for _ in range(steps):
            await random.choice(deeds)()

    async def submit(self) -> None:
        """Store some jobs, with new and with known keys."""
        new: list[NewJob] = []
        for _ in range(random.choice((1, 1, 1, 5))):
            key = random.choice((None, None, f"key-{random.randrange(30)}"))
            keyed: dict[str, Any] = {"scope": "s", "key": key, "fingerprint": b"f" * 32} if key else {}
            job = NewJob(
                job_id=new_job_id(),
                handler="h",
                queue=random.choice(QUEUES),
                priority=random.choice((0, 0, 7)),
                delay_ms=random.choice((0, 0, 1, 20)),
                payload=b"x" * random.choice((0, 10, 3_000)),
                retention_completed_ms=random.choice((0, 60_000)),
                **keyed,
            )
            new.append(job)
        for job, answer in zip(new, await self._store.enqueue(new), strict=True):
            assert answer.job is not None
            if job.key is None:
                assert (answer.word, answer.job.job_id) == ("created", job.job_id)
            else:
                # Keyed records outlive this test: the first one's is everybody's.
                assert self._keys.setdefault(job.key, answer.job.job_id) == answer.job.job_id
            self._ids.append(answer.job.job_id)

    async def claim(self) -> None:
        """Take some jobs, which nobody else may hold, under fences that nobody else had."""
        answer = await self._store.claim(
            worker=f"w-{random.randrange(3)}",
            claim_id=new_job_id(),
            queues=random.choice((QUEUES, QUEUES[:1])),
            limit=random.randrange(1, 6),
            lease_ms=LEASE_MS,
        )
        for claim in answer.claims:
            assert claim.job_id not in self._held, "two live leases"
            assert claim.fence > self._fences[claim.job_id], "a fence that was had before"
            assert claim.job_id not in self._canceled, "a canceled job runs"
            self._held[claim.job_id] = claim
            self._fences[claim.job_id] = claim.fence

    def _take_some(self) -> list[Claim]:
        taken = random.sample(sorted(self._held), k=min(len(self._held), random.randrange(1, 5)))
        return [self._held.pop(job_id) for job_id in taken]

    async def settle(self) -> None:
        """End some runs that are held: none may be stale."""
        claims = self._take_some()
        settlements = [
            Settlement.of(
                claim,
                random.choice(EVENTS),
                backoff=Backoff.fixed(random.choice((0, 1, 10))),
                nonce=random.getrandbits(31) + 1,
                result=b"r" * random.choice((1, 3_000)),
            )
            for claim in claims
        ]
        assert "stale" not in await self._store.settle(settlements)

    async def write(self) -> None:
        """Renew, report and have effects in runs that are held."""
        claims = self._take_some()
        leases = [(claim.job_id, claim.fence) for claim in claims]
        calls = [self._store.progress(*lease, b"1") for lease in leases]
        renewals, *written = await asyncio.gather(self._store.renew(leases, lease_ms=LEASE_MS), *calls)
        assert "stale" not in renewals
        assert all(written)
        for lease in leases:
            word = (await self._store.reserve(*lease, "effect", f"nonce-{lease[1]}", takeover=True)).word
            assert word in {"reserved", "recorded"}
            if word == "reserved":
                assert await self._store.record(*lease, "effect", f"nonce-{lease[1]}", b"1")
        self._held.update((claim.job_id, claim) for claim in claims)

    async def ask(self) -> None:
        """Read, cancel and sweep."""
        if not self._ids:
            return
        job_id = random.choice(self._ids)
        job = await self._store.get(job_id)
        assert job is None or job.job_id == job_id
        what = random.randrange(6)
        if what == 0 and (await self._store.cancel(job_id)).word == "canceled":
            self._canceled.add(job_id)
        elif what == 1:
            await self._store.prune(limit=10)
        elif what == 2:
            await self._store.strip(limit=10)
        elif what == 3:
            assert await self._store.expired(limit=10) == []
        elif what == 4:
            await self._store.run_now(job_id)

    async def finish(self) -> None:
        """End what is held."""
        while self._held:
            await self.settle()


async def test_what_many_do_at_once_fits_together(redis_stores: RedisStores, redis_url: str) -> None:
    """CLM-1: No two hold a job, no holder is refused, and afterwards records, indexes and counts agree."""
    first = redis_stores.make()
    stores = [first, *(RedisStore(redis_url, namespace=first.namespace) for _ in range(2))]
    for store in stores:
        await store.open()
    try:
        crowd = Crowd(stores)
        await asyncio.gather(*(crowd.act(STEPS) for _ in range(TASKS)))
        await crowd.finish()
        assert await first.fsck() == []
        assert await _listed(first) == await _counted(first)
    finally:
        for store in stores:
            await store.close()


async def _listed(store: RedisStore) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    cursor: str | None = None
    while True:
        page = await store.list(JobFilter(), cursor=cursor)
        found.update((job.queue, job.state) for job in page.jobs)
        cursor = page.cursor
        if cursor is None:
            return found


async def _counted(store: RedisStore) -> Counter[tuple[str, str]]:
    counts = (await store.stats()).counts
    return Counter(
        {(queue, state): number for queue, states in counts.items() for state, number in states.items() if number}
    )
