"""The life of the Redis store: its way to the server for each event loop and process, its opening and its close."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncendpoints import _core
from asyncendpoints.errors import ConfigurationError, StoreUnavailable
from asyncendpoints.stores.base import StoreTraits
from asyncendpoints.stores.bridge import Bridge
from asyncendpoints.stores.redis_certificates import read_certificates
from asyncendpoints.stores.redis_durability import channels, durability, eviction, risks
from asyncendpoints.stores.redis_url import parse_redis_url

if TYPE_CHECKING:
    from asyncendpoints._core import RedisTransport
    from asyncendpoints.stores.redis_certificates import Certificates
    from asyncendpoints.stores.redis_keeper import RedisLeaseKeeper
    from asyncendpoints.stores.redis_url import RedisAddress
    from asyncendpoints.stores.risk import Risk

_log = logging.getLogger(__name__)
_stores: weakref.WeakSet[RedisLife] = weakref.WeakSet()


class RedisLife:
    """What the Redis store is made of, without its operations.

    Args:
        url: See `RedisStore`.
        namespace: See `RedisStore`.
    """

    def __init__(self, url: str, *, namespace: str = "default") -> None:
        self._address = parse_redis_url(url)
        self._certificates = read_certificates(self._address)
        self.namespace = self._address.namespace or namespace
        self._closed = False
        self._users = 0
        self._traits = StoreTraits(
            name="redis",
            address=f"{self._address}, namespace {self.namespace}",
            durability="What the server does for accepted jobs is known once the store is open.",
            shared=True,
            lossless_wakeups=False,
            renews_under_held_gil=True,
        )
        self._start_over()
        _stores.add(self)

    def _start_over(self) -> None:
        self._transport = _transport(self._address, self._certificates, self.namespace)
        self._bridges: dict[asyncio.AbstractEventLoop, Bridge] = {}
        self._bridge: Bridge | None = None
        self._keepers: set[RedisLeaseKeeper] = set()

    def start_over(self) -> None:
        """Let go of what belongs to the parent process: a forked child's first act."""
        self._users = 0
        self._start_over()

    def __repr__(self) -> str:
        return f"RedisStore({self._address}, namespace {self.namespace!r})"

    def _here(self) -> Bridge:
        """Return the bridge of the running loop."""
        loop = asyncio.get_running_loop()
        bridge = self._bridge
        if bridge is not None and bridge.loop is loop:
            return bridge
        return self._other_bridge(loop)

    def _other_bridge(self, loop: asyncio.AbstractEventLoop) -> Bridge:
        if self._closed:
            raise StoreUnavailable("the Redis store is closed; open it again to go on")
        bridge = self._bridges.get(loop)
        if bridge is None:
            for other in [other for other in self._bridges if other.is_closed()]:
                del self._bridges[other]
            bridge = self._bridges[loop] = Bridge(self._transport, loop)
        self._bridge = bridge
        return bridge

    @property
    def traits(self) -> StoreTraits:
        """What this store promises; the durability is the server's, as it was when the store was opened."""
        return self._traits

    async def open(self) -> None:
        """Connect, and find out what the server does for accepted jobs. Each `open` wants a `close`.

        Raises:
            StoreUnavailable: The server does not answer.
            ConfigurationError: The namespace belongs to a version that this one does not work with.
        """
        if self._closed:
            self._closed = False
            self._start_over()
        facts = await self.inspect()
        self._users += 1
        self._traits = replace(self._traits, durability=durability(facts, self._address.wait_replicas))
        policy = eviction(facts)
        if policy is not None:
            _log.warning(
                "the Redis server's maxmemory-policy is %s, so it may delete jobs when its memory is full; "
                "set it to noeviction",
                policy,
            )
        unheard = channels(facts)
        if unheard is not None:
            _log.warning("%s Remedy: %s", unheard.what, unheard.remedy)

    async def close(self) -> None:
        """Where nobody else has it open, end the connections and refuse every further call."""
        self._users = max(self._users - 1, 0)
        if self._users or self._closed:
            return
        bridge = self._here()
        self._closed = True
        for keeper in tuple(self._keepers):
            await keeper.close()
        await bridge.end_transport()
        for each in self._bridges.values():
            each.close()
        self._bridges.clear()
        self._bridge = None

    async def inspect(self) -> dict[str, str]:
        """Return what the server says of itself that concerns durability, by name."""
        bridge = self._here()
        facts: list[tuple[str, str]] = await bridge.call(self._transport.inspect(bridge.mailbox))
        return dict(facts)

    async def risks(self) -> list[Risk]:
        """Return what may cost accepted jobs on this server as it is set up, the worst first."""
        return risks(await self.inspect(), self._address.wait_replicas)


def _transport(address: RedisAddress, certificates: Certificates, namespace: str) -> RedisTransport:
    if not hasattr(_core, "RedisTransport"):
        raise ConfigurationError("the Redis store needs Linux, macOS or another Unix")
    return _core.RedisTransport(
        host=address.host,
        port=address.port,
        tls=address.tls,
        path=address.path,
        username=address.username,
        password=address.password,
        database=address.database,
        namespace=namespace,
        timeout_ms=round(address.timeout * 1000),
        wait_replicas=address.wait_replicas,
        ca=certificates.ca,
        cert=certificates.cert,
        key=certificates.key,
    )


def _start_over_in_child() -> None:
    for store in tuple(_stores):
        store.start_over()


if hasattr(os, "register_at_fork"):  # absent on Windows, where nothing forks
    os.register_at_fork(after_in_child=_start_over_in_child)
