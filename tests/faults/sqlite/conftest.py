"""A world of processes on a file of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.faults.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world whose processes have leases of one second."""
    with World(f"sqlite:///{tmp_path}/jobs.db", tmp_path) as one:
        yield one
