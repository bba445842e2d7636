"""For tests: a virtual clock, a harness that runs jobs by it, a faulty store, the suite for every store."""

from __future__ import annotations

from asyncendpoints.testing.clock import VirtualClock
from asyncendpoints.testing.faulty import FaultyStore
from asyncendpoints.testing.harness import NotIdle, Testing

__all__ = ["FaultyStore", "NotIdle", "Testing", "VirtualClock"]
