"""The store that keeps jobs in Redis, seen by every process that names the same server and namespace.

The event loop hands calls to a native thread, which owns the connections: it joins what is called at the same time,
comes back after a lost connection, and renews leases. Nothing is started before the first call.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from asyncendpoints import _core
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.stores.base import HISTORY_SLOTS, SIGN_KEPT_MS, SLOT_MS, Reports, Sign, StoreStats
from asyncendpoints.stores.redis_keeper import RedisLeaseKeeper
from asyncendpoints.stores.redis_life import RedisLife

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asyncendpoints._core import Cancellation, Claims, Enqueued, Expired, Page, Reservation, Settlement
    from asyncendpoints.job import Job, NewJob
    from asyncendpoints.stores.base import JobFilter, LeaseKeeper, Listener, Report
    from asyncendpoints.stores.bridge import Bridge

T = TypeVar("T")

POLL: Final = 1.0
"""Seconds after which a wait looks again, although nobody told of a change."""
LAST_LOOK: Final = 0.1
"""Seconds that a look at a job gets at least, although the time of the wait is over."""
CHECKED_AT_ONCE: Final = 500
"""How many records a check reads in one call."""

_log = logging.getLogger(__name__)


class RedisStore(RedisLife):
    """Jobs in Redis 6.2 or later, or Valkey: for several processes.

    Its methods are those of `Store`, which documents them. They may be called on any event loop; after `close` they
    raise `StoreUnavailable` until `open`.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with the parameters `namespace`, `timeout` (seconds after
            which a call gives up, 5 by default) and `wait_replicas` (how many replicas confirm a submission). With
            `rediss://`, `ca` is a file with the authorities to trust instead of the system's, `cert` and `key` are
            files with the client's own certificate and its private key, all PEM and read now.
        namespace: Separates applications, where the URL names no namespace.

    Raises:
        ConfigurationError: The URL cannot work, or a file that it names.
    """

    async def ping(self) -> None:
        """Return if the server answers."""
        bridge = self._here()
        await bridge.call(self._transport.ping(bridge.mailbox))

    async def enqueue(
        self, jobs: Sequence[NewJob], *, max_queued: int | None = None, now: int | None = None
    ) -> list[Enqueued]:
        """Store jobs, each with its key; with `wait_replicas` they are confirmed by so many replicas."""
        bridge = self._here()
        return await bridge.call(self._transport.enqueue(bridge.mailbox, jobs, max_queued, now))

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
        """Promote what is due, then take at most `limit` jobs in order."""
        bridge = self._here()
        transport = self._transport
        try:
            return await bridge.call(transport.claim(bridge.mailbox, worker, claim_id, queues, limit, lease_ms, now))
        except asyncio.CancelledError:
            # What it begins would be nobody's. The order of calls is kept, so this comes after it.
            transport.release_claim(bridge.mailbox, claim_id, now)
            bridge.send()
            raise

    async def release_claim(self, claim_id: str, *, now: int | None = None) -> int:
        """Give back what a claim began."""
        bridge = self._here()
        return await bridge.call(self._transport.release_claim(bridge.mailbox, claim_id, now))

    async def renew(self, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None = None) -> list[str]:
        """Prolong leases."""
        bridge = self._here()
        known = [lease for lease in leases if _core.is_job_id(lease[0])]
        answers = await bridge.call(self._transport.renew(bridge.mailbox, known, lease_ms, now))
        if len(known) == len(leases):
            return answers
        # A name that no job can have is answered like that of a job that is gone.
        words = iter(answers)
        return [next(words) if _core.is_job_id(job_id) else "stale" for job_id, _ in leases]

    async def settle(self, settlements: Sequence[Settlement], *, now: int | None = None) -> list[str]:
        """End runs."""
        bridge = self._here()
        return await bridge.call(self._transport.settle(bridge.mailbox, settlements, now))

    async def expired(self, *, limit: int, now: int | None = None) -> list[Expired]:
        """Promote what is due, renew what this process works on, then return runs whose lease has passed."""
        bridge = self._here()
        transport = self._transport
        renewals: list[tuple[RedisLeaseKeeper, list[tuple[str, int]], asyncio.Future[list[str]]]] = []
        for keeper in self._keepers:
            leases = keeper.native.renewable(now)
            if leases:
                number = transport.renew(bridge.mailbox, leases, keeper.native.lease_ms, now)
                renewals.append((keeper, leases, bridge.call(number)))
        # Asked in the same turn, and answered in this order.
        found = bridge.call(transport.expired(bridge.mailbox, limit, now))
        for keeper, leases, renewal in renewals:
            answers = await renewal
            keeper.drop(lease for lease, answer in zip(leases, answers, strict=True) if answer == "stale")
        return await found

    async def _about(self, number: int | None, bridge: Bridge, otherwise: T) -> T:
        """Ask about a job, or answer at once where no job can have the name."""
        return otherwise if number is None else await bridge.call(number)

    async def cancel(self, job_id: str, *, now: int | None = None) -> Cancellation:
        """Apply the table's row for a cancel to the job's present state."""
        bridge = self._here()
        missing = _core.Cancellation("missing", None)
        return await self._about(self._transport.cancel(bridge.mailbox, job_id, now), bridge, missing)

    async def run_now(self, job_id: str, *, now: int | None = None) -> Job | None:
        """Make a scheduled job queued."""
        bridge = self._here()
        return await self._about(self._transport.run_now(bridge.mailbox, job_id, now), bridge, None)

    async def get(self, job_id: str) -> Job | None:
        """Return the job, or None."""
        bridge = self._here()
        return await self._about(self._transport.get(bridge.mailbox, job_id), bridge, None)

    async def wait(
        self,
        job_id: str,
        *,
        version: int,
        timeout: float,  # noqa: ASYNC109 (a long poll)
    ) -> Job | None:
        """Return the job once its version is above `version` or it is done, or after `timeout` seconds."""
        if timeout <= 0:
            return await self.get(job_id)
        bridge, transport = self._here(), self._transport
        began = bridge.loop.time()
        deadline = began + timeout
        waiter = bridge.waiters.add(job_id)
        known: Job | None = None
        try:
            # The other half is left for the job itself, which is looked at whether its changes are heard or not.
            await self._hear_changes(bridge, began + timeout / 2)
            while True:
                look_until = max(deadline, bridge.loop.time() + LAST_LOOK)
                try:
                    async with asyncio.timeout_at(look_until):
                        # The read asks to be told of the next change, so that none in between is missed.
                        number = transport.watch(bridge.mailbox, job_id, version)
                        job: Job | None = await self._about(number, bridge, None)
                except TimeoutError:
                    if known is None:
                        raise StoreUnavailable("Redis did not answer in time") from None
                    return known
                present = bridge.loop.time()
                if job is None or job.done or job.version > version or present >= deadline:
                    return job
                known = job
                await waiter.change(min(deadline, present + POLL))
                if bridge.is_closed:
                    return job
        finally:
            bridge.waiters.remove(job_id, waiter)

    async def _hear_changes(self, bridge: Bridge, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await bridge.hear_changes()
        except (StoreUnavailable, TimeoutError) as error:
            _log.debug("changes are not heard, so waits look every %.1f s: %s", POLL, error)

    async def list(self, where: JobFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return some jobs, newest first."""
        bridge = self._here()
        return await bridge.call(self._transport.list(bridge.mailbox, where, cursor, limit))

    async def stats(self, *, now: int | None = None) -> StoreStats:
        """Return counts and ages for every queue."""
        bridge = self._here()
        counts, oldest, paused = await bridge.call(self._transport.stats(bridge.mailbox, now))
        return StoreStats(counts, oldest, frozenset(paused))

    async def report(self, report: Report, *, now: int | None = None) -> int:
        """Keep what a process tells of itself."""
        bridge = self._here()
        kept = (SIGN_KEPT_MS, SLOT_MS, HISTORY_SLOTS)
        return await bridge.call(self._transport.report(bridge.mailbox, report, kept, now))

    async def reports(self, *, since: int, now: int | None = None) -> Reports:
        """Return the signs of life, and the history from a slot on."""
        bridge = self._here()
        time, signs, history = await bridge.call(self._transport.reports(bridge.mailbox, since, now))
        return Reports(time, [Sign(*sign) for sign in signs], history)

    async def strip(self, *, limit: int, now: int | None = None) -> int:
        """Drop payloads and results past their retention where the key keeps the record."""
        bridge = self._here()
        return await bridge.call(self._transport.strip(bridge.mailbox, limit, now))

    async def prune(self, *, limit: int, now: int | None = None) -> int:
        """Delete records that nothing keeps any more."""
        bridge = self._here()
        return await bridge.call(self._transport.prune(bridge.mailbox, limit, now))

    async def delete(self, job_id: str) -> bool:
        """Delete a job that has ended."""
        bridge = self._here()
        return await self._about(self._transport.delete(bridge.mailbox, job_id), bridge, False)

    async def progress(self, job_id: str, fence: int, body: bytes, *, now: int | None = None) -> bool:
        """Store a run's progress."""
        bridge = self._here()
        return await self._about(self._transport.progress(bridge.mailbox, job_id, fence, body, now), bridge, False)

    async def reserve(
        self, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool = False, now: int | None = None
    ) -> Reservation:
        """Reserve an effect of `once`."""
        bridge = self._here()
        number = self._transport.reserve(bridge.mailbox, job_id, fence, key, nonce, takeover, now)
        return await self._about(number, bridge, _core.Reservation("stale"))

    async def record(
        self, job_id: str, fence: int, key: str, nonce: str, value: bytes | None, *, now: int | None = None
    ) -> bool:
        """Record a reserved effect's value, or give the reservation back."""
        bridge = self._here()
        number = self._transport.record(bridge.mailbox, job_id, fence, key, nonce, value, now)
        return await self._about(number, bridge, False)

    async def pause(self, queue: str, paused: bool) -> None:
        """Stop or resume claims from a queue."""
        bridge = self._here()
        await bridge.call(self._transport.pause(bridge.mailbox, queue, paused))

    def subscribe(self, worker: str, queues: Sequence[str], listener: Listener) -> Callable[[], None]:
        """Tell the listener of work in these queues and of cancels of this worker's runs, on the running loop."""
        transport = self._transport
        remove = self._here().listeners.add(worker, queues, listener)
        names = list(dict.fromkeys(queues))
        transport.listen(worker, names)
        left = [True]

        def stop() -> None:
            remove()
            if left:
                left.clear()
                transport.hush(worker, names)

        return stop

    def keeper(self, *, worker: str, lease_ms: int, max_stall_ms: int) -> LeaseKeeper:
        """Make the lease keeper of a worker."""
        keeper = RedisLeaseKeeper(self._transport.keeper(worker, lease_ms, max_stall_ms), self._keepers.discard)
        self._keepers.add(keeper)
        return keeper

    async def fsck(self) -> list[str]:
        """Compare records and indexes with each other, and return what does not fit, one sentence each.

        Jobs may come and go meanwhile: what is found twice in a row is damage.
        """
        found = await self._check()
        if found:
            again = frozenset(await self._check())
            found = [finding for finding in found if finding in again]
        return found

    async def _check(self) -> list[str]:
        bridge = self._here()
        findings: list[str] = []
        cursor: str | None = None
        while True:
            found: tuple[list[str], str | None] = await bridge.call(
                self._transport.check(bridge.mailbox, cursor, CHECKED_AT_ONCE)
            )
            findings += found[0]
            cursor = found[1]
            if cursor is None:
                return findings
