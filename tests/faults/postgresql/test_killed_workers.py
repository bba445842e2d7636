"""A worker that is killed loses nothing and doubles nothing, and others go on with its jobs (RES-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.faults.killing import kill_workers
from tests.support.faults.rounds import rounds

if TYPE_CHECKING:
    from tests.support.faults.world import World


async def test_workers_killed_at_random_points_lose_no_job(world: World) -> None:
    """RES-1: While one worker after the other is killed, every accepted job ends once, within its attempts."""
    await kill_workers(world, rounds(usual=30, campaign=500))
