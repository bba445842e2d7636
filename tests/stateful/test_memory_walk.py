"""The memory store agrees with the pure model after every step of every walk.

`STATEFUL=deep` walks ten times as often.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.testing.stateful import store_machine

CI = settings(
    max_examples=500,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILES = {"ci": CI, "deep": settings(CI, max_examples=5_000)}


class TestTheMemoryStoreIsItsModel(store_machine(MemoryStore).TestCase):
    """Whatever is done to the memory store, in whatever order: it answers as the model does."""

    settings = PROFILES[os.environ.get("STATEFUL", "ci")]
