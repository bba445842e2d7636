"""The side effects of `once`, kept for a job and all its redrives (EFF-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import Reservation
from asyncendpoints.stores.sql.rows import label_of

if TYPE_CHECKING:
    from asyncendpoints.stores.sql.transaction import Transaction


def _origin(tx: Transaction, job_id: str, fence: int) -> str | None:
    """Return the job whose effects this run shares, or None where the run is stale (LSE-2)."""
    return tx.run(tx.statements.holder, id=job_id, of_fence=fence).scalar_one_or_none()


def reserve(tx: Transaction, job_id: str, fence: int, key: str, nonce: str, *, takeover: bool) -> Reservation:
    """Reserve an effect; repeated with its nonce it answers as the first time (SUB-3)."""
    origin = _origin(tx, job_id, fence)
    if origin is None:
        return Reservation("stale")
    effect = label_of(key)
    found = tx.rows(tx.statements.effect, of_origin=origin, of_effect=effect)
    if not found:
        new = {"namespace": tx.namespace, "origin": origin, "effect": effect, "nonce": nonce}
        # Another job of the same origin may have been faster.
        tx.move_each(tx.statements.add_effect, [new])
        return Reservation("reserved")
    (known,) = found
    if known["value"] is not None:
        return Reservation("recorded", known["value"])
    if known["nonce"] == nonce:
        return Reservation("reserved")
    if takeover:
        tx.move(tx.statements.take_over_effect, of_origin=origin, of_effect=effect, by=nonce)
        return Reservation("reserved")
    return Reservation("uncertain")


def record(tx: Transaction, job_id: str, fence: int, key: str, nonce: str, *, value: bytes | None) -> bool:
    """Record the value of a reservation, or give it back; whether it is as wanted now."""
    origin = _origin(tx, job_id, fence)
    if origin is None:
        return False
    effect = label_of(key)
    found = tx.rows(tx.statements.effect, of_origin=origin, of_effect=effect)
    if not found:
        # Given back already: the same write repeated. What was given back cannot be recorded.
        return value is None
    (known,) = found
    if known["nonce"] != nonce:
        return False
    if known["value"] is not None:
        # What was recorded cannot be given back; recorded again, the first value stands.
        return value is not None
    if value is None:
        tx.move(tx.statements.remove_effect, of_origin=origin, of_effect=effect, by=nonce)
    else:
        tx.move(tx.statements.record_effect, of_origin=origin, of_effect=effect, by=nonce, gave=value)
    return True
