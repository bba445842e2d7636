"""Who keeps leases alive while a handler runs, and when no longer: LSE-3a, LSE-3b, LSE-4.

These rules are about real time: the store's own clock, and a thread that may run beside the event loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
import time
from typing import TYPE_CHECKING, Final

from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from asyncendpoints._core import Claim, Expired
    from asyncendpoints.stores.base import LeaseKeeper
    from asyncendpoints.testing.conformance.subject import Subject

SHORT_MS: Final = 500
"""A lease short enough to wait out, and long enough for a busy machine to renew."""
PATIENCE: Final = 30.0


async def _held(on: Subject, *, max_stall_ms: int, timeout_ms: int) -> tuple[Claim, LeaseKeeper]:
    await on.store.enqueue([on.new_job(timeout_ms=timeout_ms)])
    answer = await on.store.claim(worker="worker-1", claim_id="claim-1", queues=["default"], limit=1, lease_ms=SHORT_MS)
    keeper = on.store.keeper(worker="worker-1", lease_ms=SHORT_MS, max_stall_ms=max_stall_ms)
    (claim,) = answer.claims
    keeper.hold([(claim.job_id, claim.fence, timeout_ms)])
    return claim, keeper


async def _eventually_expired(on: Subject) -> list[Expired]:
    """Wait until a sweep finds an expired lease."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await on.store.expired(limit=10)):  # noqa: ASYNC110 (the store tells nobody of this)
            await asyncio.sleep(0.02)
        return found


def _hold_the_gil(milliseconds: int) -> None:
    """Sleep in C without giving the interpreter lock away."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(milliseconds)
    else:
        ctypes.PyDLL(None).usleep(milliseconds * 1_000)


@rule()
async def lse_3a_a_blocked_event_loop_does_not_stop_renewal(on: Subject) -> None:
    """LSE-3a: A handler that blocks the event loop for several leases keeps its own."""
    claim, keeper = await _held(on, max_stall_ms=60_000, timeout_ms=60_000)
    time.sleep(SHORT_MS * 3 / 1000)  # noqa: ASYNC251 (blocking the loop is the point)
    same("what a sweep finds", await on.store.expired(limit=10), [])
    same(
        "the holder's lease",
        await on.store.renew([(claim.job_id, claim.fence)], lease_ms=SHORT_MS),
        ["renewed"],
    )
    await keeper.close()


@rule(requires="renews_under_held_gil")
async def lse_3b_a_held_gil_does_not_stop_renewal(on: Subject) -> None:
    """LSE-3b: A handler that keeps the interpreter's lock in C for several leases keeps its own."""
    _, keeper = await _held(on, max_stall_ms=60_000, timeout_ms=60_000)
    _hold_the_gil(SHORT_MS * 3)
    same("what a sweep finds", await on.store.expired(limit=10), [])
    await keeper.close()


@rule()
async def lse_4_a_run_past_its_timeout_is_no_longer_renewed(on: Subject) -> None:
    """LSE-4: Past its timeout a run loses its lease, although its process lives and beats."""
    claim, keeper = await _held(on, max_stall_ms=60_000, timeout_ms=SHORT_MS)
    started = time.monotonic()
    (found,) = await _eventually_expired(on)
    same("what a sweep finds", (found.job_id, found.fence), (claim.job_id, claim.fence))
    holds("the lease held until the timeout", time.monotonic() - started >= SHORT_MS / 1000)
    await keeper.close()


@rule()
async def lse_4_a_stalled_process_no_longer_renews(on: Subject) -> None:
    """LSE-4: When the loop has not shown signs of life for `max_stall`, its leases run out."""
    claim, keeper = await _held(on, max_stall_ms=SHORT_MS, timeout_ms=3_600_000)
    (found,) = await _eventually_expired(on)
    same("what a sweep finds", found.job_id, claim.job_id)
    await keeper.close()


@rule()
async def lse_4_a_beating_process_keeps_its_leases(on: Subject) -> None:
    """LSE-4: A process that shows signs of life within `max_stall` keeps its leases."""
    _, keeper = await _held(on, max_stall_ms=SHORT_MS * 4, timeout_ms=3_600_000)
    end = time.monotonic() + SHORT_MS * 6 / 1000
    while time.monotonic() < end:
        keeper.beat()
        same("what a sweep finds", await on.store.expired(limit=10), [])
        await asyncio.sleep(0.05)
    await keeper.close()


@rule()
async def lse_4_a_dropped_run_and_a_closed_keeper_are_no_longer_renewed(on: Subject) -> None:
    """LSE-4: A run that its worker has dropped, or whose keeper is closed, is no longer renewed."""
    claim, keeper = await _held(on, max_stall_ms=60_000, timeout_ms=60_000)
    keeper.drop([(claim.job_id, claim.fence)])
    (found,) = await _eventually_expired(on)
    same("what a sweep finds", found.job_id, claim.job_id)
    await on.store.renew([(claim.job_id, claim.fence)], lease_ms=SHORT_MS)
    keeper.hold([(claim.job_id, claim.fence, 60_000)])
    await keeper.close()
    (found,) = await _eventually_expired(on)
    same("what a sweep finds after the close", found.job_id, claim.job_id)
