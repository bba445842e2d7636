"""Redis stores for tests, each in a namespace of its own, and what they must not leave behind (RTN-1)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import valkey

from asyncendpoints._core import Settlement, decide
from asyncendpoints.stores.base import JobFilter, Report
from asyncendpoints.stores.redis import RedisStore
from asyncendpoints.testing.clock import EPOCH

if TYPE_CHECKING:
    from asyncendpoints._core import Expired
    from asyncendpoints.stores.base import Store

YEAR_MS: Final = 365 * 86_400_000
FAR: Final = EPOCH + 20 * YEAR_MS
"""When every lease, delay and retention of a test is long over, by the virtual clock and by the machine's."""

DECLARED: Final = frozenset({"meta", "ctl"})
"""The keys that a namespace keeps while it has no job: what is fixed for it, and what is known of its queues."""
DECLARED_FIELDS: Final = ("chunk", "last", "back", "idle:", "paused:")
"""How the fields of `ctl` begin that it keeps."""


class RedisStores:
    """Makes stores that start empty, and remembers where.

    Args:
        url: The Redis.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._namespaces: list[str] = []

    def make(self) -> RedisStore:
        """Return a store with nothing in it, not opened yet."""
        namespace = f"test-{secrets.token_hex(8)}"
        self._namespaces.append(namespace)
        return RedisStore(self._url, namespace=namespace)

    async def leftovers(self) -> list[str]:
        """End and prune every job of every store made, and return what is left that is not declared.

        What the store's own check finds before that is returned as well.
        """
        left: list[str] = []
        while self._namespaces:
            namespace = self._namespaces.pop()
            store = RedisStore(self._url, namespace=namespace)
            await store.open()
            try:
                left += await store.fsck()
                await end_everything(store)
            finally:
                await store.close()
            left += self._clear(namespace)
        return left

    def _clear(self, namespace: str) -> list[str]:
        """Delete a namespace, and return the keys and fields in it that are not declared."""
        with valkey.Valkey.from_url(self._url, decode_responses=True) as client:
            keys: list[str] = client.keys(f"*{namespace}*")
            left = [key for key in keys if key.rpartition(":")[2] not in DECLARED]
            for key in keys:
                if key.endswith(":ctl"):
                    left += [f"{key} {name}" for name in client.hkeys(key) if not name.startswith(DECLARED_FIELDS)]
            if keys:
                client.delete(*keys)
        return sorted(left)


async def end_everything(store: Store) -> None:
    """Cancel what waits, rescue what runs, prune it all, and let go of all reports, in the far future."""
    cursor: str | None = None
    while True:
        page = await store.list(JobFilter(), cursor=cursor)
        for job in page.jobs:
            await store.cancel(job.job_id, now=FAR)
        cursor = page.cursor
        if cursor is None:
            break
    while lost := await store.expired(limit=100, now=FAR):
        answers = await store.settle([_lost(run) for run in lost], now=FAR)
        if set(answers) == {"stale"}:
            break  # leases that nothing ends: whoever looks for leftovers finds them
    later = FAR + 20 * YEAR_MS
    while await store.strip(limit=1_000, now=later) + await store.prune(limit=1_000, now=later):
        pass
    # A report takes what is too old with it: all there is, so nothing but a leak is left of reports then.
    await store.report(Report(process="last", card=None, slot=0, history=None), now=later)


def _lost(run: Expired) -> Settlement:
    facts = {"attempt": run.attempt, "max_attempts": run.max_attempts}
    return Settlement(
        job_id=run.job_id,
        fence=run.fence,
        verdict=decide("lost", **facts),
        verdict_if_canceled=decide("lost", **facts, cancel_requested=True),
        only_expired=True,
    )
