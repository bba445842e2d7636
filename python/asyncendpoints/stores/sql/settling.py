"""How a run ends: settled by its worker, settled by a rescue, or given back with its claim; and how it goes on."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints._core import Verdict, decide
from asyncendpoints.stores.sql.claiming import tell_of_due
from asyncendpoints.stores.sql.rows import end_times
from asyncendpoints.stores.sql.tables import (
    COMPLETED,
    ENDED,
    IN_PROGRESS,
    OUTCOME_CODES,
    QUEUED,
    SCHEDULED,
    STATE_CODES,
    place_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncendpoints._core import Settlement
    from asyncendpoints.stores.sql.transaction import Transaction

RELEASED: Final = OUTCOME_CODES["released"]
KEPT_BEFORE: Final = 19
"""How many released runs a job remembers besides the newest."""
_COMPLETED: Final = "completed"
_RETURNED: Final = Verdict(to_state=_COMPLETED, outcome=_COMPLETED)
"""What becomes of most runs."""
_CUT_SHORT: Final = frozenset({"lost", "released"})
"""Outcomes of a run that was not ended by its handler: its job keeps its place (CLM-2)."""


def settle(tx: Transaction, settlements: Sequence[Settlement], *, now: int | None) -> list[str]:
    """End runs, each by the verdict that matches whether its cancellation was asked for."""
    time = tx.time(now)
    if _finish(tx, settlements, time):
        return [_COMPLETED] * len(settlements)
    ids = [settlement.job_id for settlement in settlements]
    facts: dict[str, Mapping[Any, Any]] = {
        row["job_id"]: row for row in tx.rows(tx.statements.facts, ids=tx.packed(ids))
    }
    ended: dict[str, tuple[int, int, int]] = {}
    endings: list[dict[str, Any]] = []
    answers: list[str] = []
    for settlement in settlements:
        row = facts.get(settlement.job_id)
        before = ended.get(settlement.job_id)
        if row is None:
            answers.append("stale")
        elif before is not None or not _is_held(row, settlement.fence):
            answers.append(_settled_before(row, before, settlement))
        elif settlement.only_expired and not row["lease_until"] < time:
            answers.append("stale")
        else:
            asked = row["cancel_requested_at"] is not None
            verdict = settlement.verdict_if_canceled if asked else settlement.verdict
            ending = _ending(row, verdict, time)
            ending["nonce"] = str(settlement.nonce)
            ending["failure"] = settlement.error
            ending["of_lease"] = row["lease_until"] if settlement.only_expired else None
            if ending["to"] == COMPLETED:
                ending["value"], ending["meta"] = settlement.result, settlement.result_meta
            endings.append(ending)
            ended[settlement.job_id] = (settlement.fence, settlement.nonce, ending["to"])
            answers.append(state_of(ending["to"]))
    _end(tx, facts, endings, time)
    return answers


def settle_alone(tx: Transaction, settlements: Sequence[Settlement], *, now: int | None) -> list[str] | None:
    """Do the same in one statement where all runs have completed; None where they have not, or not all as expected."""
    return [_COMPLETED] * len(settlements) if _finish(tx, settlements, now) else None


def _finish(tx: Transaction, settlements: Sequence[Settlement], now: int | None) -> bool:
    """Complete jobs without a look at them first; say whether that was all that was to be done.

    Those that it does not concern, or that are not as it expects them, are left as they are. Those that it has
    completed, if not all, are known by their nonces.
    """
    rows = {
        settlement.job_id: {
            "id": settlement.job_id,
            "of_fence": settlement.fence,
            "nonce": str(settlement.nonce),
            "value": settlement.result,
            "meta": settlement.result_meta,
        }
        for settlement in settlements
        if settlement.nonce
        and not settlement.only_expired
        and settlement.error is None
        and settlement.verdict == _RETURNED
    }
    if len(rows) < len(settlements):
        return False
    done = tx.run_each(tx.statements.finish, [rows[job_id] for job_id in sorted(rows)], now=now)
    tx.news.changed += rows
    return done == len(rows)


def _is_held(row: Mapping[Any, Any], fence: int) -> bool:
    return row["state"] == IN_PROGRESS and row["fence"] == fence


def _settled_before(row: Mapping[Any, Any], before: tuple[int, int, int] | None, settlement: Settlement) -> str:
    """Answer a settlement whose run is over: as the first time, if it is the same one repeated (SUB-3)."""
    if before is None and row["settled_fence"] is not None:
        before = (row["settled_fence"], int(row["settled_nonce"]), row["settled_to"])
    if before is not None and settlement.nonce and before[:2] == (settlement.fence, settlement.nonce):
        return state_of(before[2])
    return "stale"


def _ending(row: Mapping[Any, Any], verdict: Verdict, now: int) -> dict[str, Any]:
    """Return what a verdict makes of a job, as the values of the statement that writes it (SET-4)."""
    to = STATE_CODES[verdict.to_state]
    keeps_ready_at = to in ENDED or verdict.outcome in _CUT_SHORT
    ready_at = row["ready_at"] if keeps_ready_at else now + verdict.delay_ms
    return {
        "id": row["job_id"],
        "of_fence": row["fence"],
        "canceled": int(row["cancel_requested_at"] is not None),
        "of_lease": None,
        "to": to,
        "at": place_of(to, row["priority"], ready_at),
        "ready": ready_at,
        "attempts": row["attempt"] if verdict.charged else max(row["attempt"] - 1, 0),
        "finished": now if to in ENDED else None,
        "outcome": OUTCOME_CODES[verdict.outcome],
        "nonce": "0",
        "failure": None,
        "value": None,
        "meta": None,
        **end_times(row, to, now),
    }


def _end(tx: Transaction, facts: Mapping[str, Mapping[Any, Any]], endings: Sequence[dict[str, Any]], now: int) -> None:
    # In the order of the ids, so that nobody waits for each other in a circle.
    tx.move_each(tx.statements.settle, sorted(endings, key=itemgetter("id")), now=now)
    released = [ending["id"] for ending in endings if ending["outcome"] == RELEASED]
    if released:
        tx.run(tx.statements.forget_runs, ids=tx.packed(released), outcome=RELEASED, kept_before=KEPT_BEFORE)
    tx.news.changed += [ending["id"] for ending in endings]
    tx.news.queues |= {facts[ending["id"]]["queue"] for ending in endings if ending["to"] == QUEUED}
    tell_of_due(
        tx,
        [(facts[ending["id"]]["queue"], ending["ready"]) for ending in endings if ending["to"] == SCHEDULED],
    )


def release_claim(tx: Transaction, claim_id: str, *, now: int | None) -> int:
    """Give back, uncharged, every run that this claim began and that still runs."""
    time = tx.time(now)
    facts: dict[str, Mapping[Any, Any]] = {
        row["job_id"]: row for row in tx.rows(tx.statements.facts_of_claim, claim=claim_id)
    }
    endings = [
        _ending(
            row,
            decide(
                "released",
                attempt=row["attempt"],
                max_attempts=row["max_attempts"],
                cancel_requested=row["cancel_requested_at"] is not None,
            ),
            time,
        )
        for row in facts.values()
    ]
    _end(tx, facts, endings, time)
    return len(endings)


def renew(tx: Transaction, leases: Sequence[tuple[str, int]], *, lease_ms: int, now: int | None) -> list[str]:
    """Prolong leases, each to `lease_ms` from now. It changes no version (SET-5)."""
    until = tx.time(now) + lease_ms
    found = tx.rows(tx.statements.holders, ids=tx.packed([job_id for job_id, _ in leases]))
    held = {(row["job_id"], row["fence"]): row["cancel_requested_at"] is not None for row in found}
    rows = [{"id": job_id, "of_fence": fence} for job_id, fence in sorted(set(leases)) if (job_id, fence) in held]
    tx.move_each(tx.statements.renew, rows, until=until)
    words = {None: "stale", False: "renewed", True: "cancel_requested"}
    return [words[held.get((job_id, fence))] for job_id, fence in leases]


def progress(tx: Transaction, job_id: str, fence: int, body: bytes, *, now: int | None) -> bool:
    """Keep what a run says of its progress; False where the run is stale."""
    if not tx.run(tx.statements.progress, id=job_id, of_fence=fence, body=body, now=tx.time(now)).rowcount:
        return False
    tx.news.changed.append(job_id)
    return True
