"""The thread that renews the leases of this process's runs, with a connection of its own (LSE-3a).

It lives by the machine's clock. Where a virtual clock rules, the sweep renews instead.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from asyncendpoints.stores.lease_table import moment_of
from asyncendpoints.stores.sql.attempts import Attempts
from asyncendpoints.stores.sql.crossing import crossing_to
from asyncendpoints.stores.sql.dialect import Trouble
from asyncendpoints.stores.sql.settling import renew

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Engine

    from asyncendpoints.stores.lease_table import LeaseTable
    from asyncendpoints.stores.sql.transaction import Ground

PART_OF_A_LEASE: Final = 3
"""A lease is renewed when this part of it has passed."""
SHORTEST: Final = 0.02
PATIENCE: Final = 2.0
"""Seconds that the thread gets to end."""

_log = logging.getLogger(__name__)


class Renewing:
    """Renews what the keepers of a store hold, until it is stopped. The thread starts with the first keeper.

    Args:
        engine: Leads to the database.
        ground: What the transactions stand on.
        keepers: The store's keepers, and the name of each one's worker.
        is_virtual: Whether a virtual clock rules.
        on_cancels: Hears `(worker, job_id, fence)` of runs whose cancellation was asked for.
    """

    def __init__(
        self,
        engine: Engine,
        ground: Ground,
        keepers: Mapping[LeaseTable, str],
        *,
        is_virtual: Callable[[], bool],
        on_cancels: Callable[[Sequence[tuple[str, str, int]]], None],
    ) -> None:
        self._engine = engine
        self._ground = ground
        self._keepers = keepers
        self._is_virtual = is_virtual
        self._on_cancels = on_cancels
        self._stopped = threading.Event()
        self._woken = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or look at a new keeper."""
        with self._woken:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asyncendpoints-leases", daemon=True)
                self._thread.start()
            self._woken.notify_all()

    def stop(self) -> None:
        """End the thread, and wait a little until it has ended. Idempotent."""
        self._stopped.set()
        with self._woken:
            thread = self._thread
            self._woken.notify_all()
        if thread is not None:
            thread.join(PATIENCE)

    def _run(self) -> None:
        crossing = crossing_to(self._engine)
        attempts = Attempts(self._engine, self._ground, writes=True)
        while not self._stopped.is_set():
            with self._woken:
                self._woken.wait(self._pause())
            if not self._stopped.is_set() and not self._is_virtual():
                crossing.run(lambda: self._renew_all(attempts))
        crossing.run(self._engine.dispose)
        crossing.close()

    def _pause(self) -> float | None:
        leases = [keeper.lease_ms for keeper in tuple(self._keepers)]
        return max(min(leases) / 1000 / PART_OF_A_LEASE, SHORTEST) if leases else None

    def _renew_all(self, attempts: Attempts) -> None:
        present = moment_of(None)
        for keeper, worker in tuple(self._keepers.items()):
            leases = list(keeper.renewable(present))
            if not leases:
                continue
            try:
                answers, _ = attempts.commit(
                    lambda tx, leases=leases, keeper=keeper: renew(tx, leases, lease_ms=keeper.lease_ms, now=None)
                )
            except Exception as error:  # whatever it is: without this thread every run of the process would be lost
                # The next turn tries again, and the leases hold for some turns more.
                is_defect = self._ground.dialect.trouble(error) is Trouble.CALL
                explained = self._ground.dialect.explain(error)
                _log.warning("%d leases could not be renewed: %s", len(leases), explained, exc_info=is_defect)
                continue
            words = list(zip(leases, answers, strict=True))
            keeper.drop(lease for lease, answer in words if answer == "stale")
            self._on_cancels([(worker, *lease) for lease, answer in words if answer == "cancel_requested"])
