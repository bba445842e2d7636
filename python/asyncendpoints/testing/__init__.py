"""For tests: a virtual clock, a harness that runs jobs by it, a faulty store, the suite for every store."""

from __future__ import annotations

from asyncendpoints.testing.clock import VirtualClock

__all__ = ["VirtualClock"]
