"""Many processes write one file at the same time, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.faults.invariants import assert_invariants
from tests.support.faults.rounds import CAMPAIGN
from tests.support.faults.world import World
from tests.support.faults.writer import ACCEPTED

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = 8
SECONDS = 60.0 if CAMPAIGN else 15.0
PATIENCE = 60.0
LEASE = 60.0
"""Longer than any process is kept waiting on a busy machine, so that no run is taken for lost."""


async def test_eight_processes_write_one_file(tmp_path: Path) -> None:
    """SUB-1: Each submits and runs jobs; every accepted job runs, none twice, and nobody hears of a locked database."""
    with World(f"sqlite:///{tmp_path}/jobs.db", tmp_path, lease_for=LEASE) as world:
        writers = [world.writer(seconds=SECONDS) for _ in range(PROCESSES)]
        statuses = [writer.wait(SECONDS + PATIENCE) for writer in writers]
        told = [writer.output for writer in writers]
        assert statuses == [0] * PROCESSES, told
        accepted = [
            line.removeprefix(ACCEPTED) for text in told for line in text.splitlines() if line.startswith(ACCEPTED)
        ]
        for text in told:
            assert text.count(ACCEPTED) > 0
            assert "is locked" not in text
            assert "Traceback" not in text
        world.worker()
        async with world.client() as jobs:
            ended = await assert_invariants(jobs, accepted, world.journal)
        assert {job.state for job in ended.values()} == {"completed"}
        # What a process had claimed and not done when it left is done by another, and was given back before.
        assert {run.outcome for job in ended.values() for run in job.runs[:-1]} <= {"released"}
        assert set(world.journal.count("end").values()) == {1}
