"""Which of the store's operations a Redis command belongs to, found out by calling them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from asyncendpoints._core import NewJob, Settlement, new_job_id
from asyncendpoints.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.redis_proxy import Command, RedisProxy

LEASE_MS = 60_000


class Operations:
    """Recognises the scripts by which a Redis store does its work.

    Args:
        scripts: For each operation, the digests of the scripts that it runs.
    """

    def __init__(self, scripts: dict[str, set[bytes]]) -> None:
        self._scripts = scripts

    def is_(self, name: str) -> Callable[[Command], bool]:
        """Return what tells whether a command belongs to an operation, such as `settle`."""
        digests = self._scripts[name]
        return lambda command: command[0].upper() == b"EVALSHA" and command[1].lower() in digests

    def of(self, command: Command) -> str:
        """Return the name of a command's operation, or of the command itself."""
        names = [name for name in self._scripts if self.is_(name)(command)]
        return "/".join(names) or command[0].decode()


async def learn_operations(proxy: RedisProxy) -> Operations:
    """Call every operation that changes something once, and note which scripts pass the proxy."""
    store = RedisStore(proxy.url(), namespace=f"learn-{secrets.token_hex(8)}")
    scripts: dict[str, set[bytes]] = {}

    async def learn(name: str, call: Awaitable[Any]) -> Any:
        proxy.commands = passed = []
        answer = await call
        proxy.commands = None
        found = {command[1].lower() for command in passed if command[0].upper() == b"EVALSHA"}
        assert found, f"{name} ran no script: {passed}"
        scripts[name] = scripts.get(name, set()) | found
        return answer

    async def claim(claim_id: str) -> Any:
        how: dict[str, Any] = {"worker": "w", "queues": ["default"], "limit": 1, "lease_ms": LEASE_MS}
        return await store.claim(claim_id=claim_id, **how)

    await store.open()
    try:
        # A job with a key, which no short script stores, and one without.
        keyed = NewJob(job_id=new_job_id(), handler="h", scope="s", key="k", fingerprint=b"f" * 32)
        await learn("enqueue", store.enqueue([keyed]))
        await learn("enqueue", store.enqueue([NewJob(job_id=new_job_id(), handler="h")]))
        (run,) = (await learn("claim", claim("claim-1"))).claims
        await learn("renew", store.renew([(run.job_id, run.fence)], lease_ms=LEASE_MS))
        await learn("progress", store.progress(run.job_id, run.fence, b"1"))
        await learn("reserve", store.reserve(run.job_id, run.fence, "k", "n"))
        await learn("record", store.record(run.job_id, run.fence, "k", "n", b"1"))
        await learn("settle", store.settle([Settlement.of(run, "returned")]))
        await learn("expired", store.expired(limit=1))
        await claim("claim-2")
        await learn("release_claim", store.release_claim("claim-2"))
    finally:
        await store.close()
    return Operations(scripts)
