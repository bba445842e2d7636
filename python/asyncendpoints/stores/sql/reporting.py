"""What processes tell of themselves: kept for those who look, and let go of when it is old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.stores.base import HISTORY_SLOTS, SIGN_KEPT_MS, SLOT_MS, Reports, Sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Executable

    from asyncendpoints.stores.base import Report
    from asyncendpoints.stores.sql.dialect import Each
    from asyncendpoints.stores.sql.transaction import Transaction

REMOVED: Final = 100
"""How many old rows of each kind a report removes at most, the oldest first: more than processes add meanwhile."""


def report(tx: Transaction, told: Report, *, now: int | None) -> int:
    """Keep what a process tells, let go of what is too old, and return the time."""
    statements, time, process = tx.statements.reports, tx.time(now), told.process
    if told.card is None:
        tx.run(statements.remove_sign, whose=process)
    else:
        new = {"namespace": tx.namespace, "process": process, "seen_at": time, "card": told.card}
        _put(tx, statements.change_sign, statements.add_sign, new, whose=process, now=time, told=told.card)
    if told.history is not None:
        new = {"namespace": tx.namespace, "slot": told.slot, "process": process, "counts": told.history}
        change, add = statements.change_history, statements.add_history
        _put(tx, change, add, new, whose=process, of_slot=told.slot, told=told.history)
    _forget_signs(tx, time - SIGN_KEPT_MS)
    _forget_history(tx, time // SLOT_MS - HISTORY_SLOTS)
    return time


def _put(tx: Transaction, change: Executable, add: Each, new: Mapping[str, Any], **values: Any) -> None:
    """Change the row that is there from the last report, or add the first one."""
    if not tx.run(change, **values).rowcount:
        # Who is faster under the same name is overtaken, and finds this one's.
        tx.move_each(add, [new])


def _forget_signs(tx: Transaction, until: int) -> None:
    old = [process for (process,) in tx.tuples(tx.statements.reports.old_signs, until=until, limit=REMOVED)]
    if old:
        tx.run(tx.statements.reports.remove_signs, ids=tx.packed(old), until=until)


def _forget_history(tx: Transaction, until: int) -> None:
    by_slot: dict[int, list[str]] = {}
    for slot, process in tx.tuples(tx.statements.reports.old_history, until=until, limit=REMOVED):
        by_slot.setdefault(slot, []).append(process)
    for slot, processes in by_slot.items():
        tx.run(tx.statements.reports.remove_history, ids=tx.packed(processes), of_slot=slot)


def reports(tx: Transaction, *, since: int, now: int | None) -> Reports:
    """Return what processes have told."""
    time = tx.time(now)
    signs = [Sign(process, card, seen_at) for process, card, seen_at in tx.tuples(tx.statements.reports.signs)]
    history = [
        (slot, process, counts) for slot, process, counts in tx.tuples(tx.statements.reports.history, since=since)
    ]
    return Reports(time, signs, history)
