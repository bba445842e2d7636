"""How long a store takes to answer, measured around its own methods once somebody wants to know."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from asyncendpoints._core import Histogram

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from asyncendpoints.stores.base import Store

OPERATIONS: Final = (
    "enqueue",
    "claim",
    "release_claim",
    "renew",
    "settle",
    "expired",
    "cancel",
    "run_now",
    "get",
    "list",
    "stats",
    "report",
    "reports",
    "strip",
    "prune",
    "delete",
    "progress",
    "reserve",
    "record",
    "pause",
    "ping",
)
"""What is measured: everything that a store answers as soon as it can, so not `wait`."""

_measured: Final[WeakKeyDictionary[Store, Mapping[str, Histogram]]] = WeakKeyDictionary()


def measure(store: Store) -> Mapping[str, Histogram]:
    """Measure a store's operations from now on, failed ones too; return how long they took.

    The store's own methods are replaced, so that whoever has it is measured, and so that nobody pays where nobody
    wants to know. A second call returns the same histograms.
    """
    known = _measured.get(store)
    if known is not None:
        return known
    times: dict[str, Histogram] = {}
    for operation in OPERATIONS:
        call = getattr(store, operation, None)
        if call is not None:
            times[operation] = histogram = Histogram()
            setattr(store, operation, _timed(call, histogram.observe))
    _measured[store] = times
    return times


def _timed(call: Callable[..., Awaitable[Any]], observe: Callable[[float], None]) -> Callable[..., Awaitable[Any]]:
    async def timed(*arguments: Any, **named: Any) -> Any:
        begun = perf_counter()
        try:
            return await call(*arguments, **named)
        finally:
            observe(perf_counter() - begun)

    return timed
