"""What a sweep does: find expired runs, strip, prune (RTN-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.stores.sql.claiming import promote
from asyncendpoints.stores.sql.rows import expired_of
from asyncendpoints.stores.sql.settling import renew

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints._core import Expired
    from asyncendpoints.stores.sql.transaction import Transaction

REMOVALS: Final = "removals"
"""The turn in which jobs are deleted: whether anybody still needs what a family shares is not seen by two at once."""


def expired(
    tx: Transaction,
    kept: Sequence[tuple[Sequence[tuple[str, int]], int]],
    *,
    limit: int,
    now: int | None,
) -> tuple[list[list[str]], list[Expired]]:
    """Promote what is due, renew what this process keeps, then return runs whose lease has passed, longest ago first.

    Args:
        tx: The transaction.
        kept: For each keeper of this process its leases, and how far a renewal reaches.
        limit: How many runs to return at most.
        now: The time, where a virtual clock rules.

    Returns:
        For each keeper the answers to its renewals, and the runs.
    """
    time = tx.time(now)
    promote(tx, time)
    renewed = [renew(tx, leases, lease_ms=lease_ms, now=time) for leases, lease_ms in kept]
    found = tx.rows(tx.statements.expired, now=time, limit=limit)
    return renewed, [expired_of(row) for row in found]


def strip(tx: Transaction, *, limit: int, now: int | None) -> int:
    """Drop the bodies of jobs whose retention is over and whose key still keeps the record (IDM-4)."""
    time = tx.time(now)
    past = tx.rows(tx.statements.stripped, now=time, limit=limit)
    # Where the key does not keep it any more either, prune takes it as a whole.
    ids = [row["job_id"] for row in past if row["prune_at"] > time]
    if ids:
        tx.run(tx.statements.strip, ids=tx.packed(ids), now=time)
        tx.news.changed += ids
    return len(ids)


def prune(tx: Transaction, *, limit: int, now: int | None) -> int:
    """Delete records that nothing keeps any more, with their keys and effects."""
    tx.turn(REMOVALS)
    found = tx.rows(tx.statements.pruned, now=tx.time(now), limit=limit)
    remove(tx, found)
    return len(found)


def remove(tx: Transaction, found: Sequence[Mapping[Any, Any]]) -> None:
    """Delete jobs with all that belongs to them alone."""
    if not found:
        return
    ids = [row["job_id"] for row in found]
    packed = tx.packed(ids)
    tx.run(tx.statements.delete, ids=packed)
    tx.run(tx.statements.delete_runs, ids=packed)
    # What jobs of one origin share lives while one of them does.
    families = {*ids, *(row["origin"] for row in found if row["origin"] is not None)}
    tx.run(tx.statements.delete_effects, ids=tx.packed(sorted(families)))
    tx.news.changed += ids
