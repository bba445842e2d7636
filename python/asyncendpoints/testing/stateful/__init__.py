"""A state machine that walks at random over any store and compares it with a pure model. It needs Hypothesis.

A store's author writes:

    TestMyStore = store_machine(MyStore).TestCase
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.testing.stateful.machine import StoreMachine
from asyncendpoints.testing.stateful.model import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.stores.base import Store

__all__ = ["ModelStore", "StoreMachine", "store_machine"]


def store_machine(make: Callable[[], Store]) -> type[StoreMachine]:
    """Return the machine for a store.

    Args:
        make: Returns a store with nothing in it, not opened yet; called once for each walk.
    """
    return type("StoreMachineOfOne", (StoreMachine,), {"make": staticmethod(make)})
