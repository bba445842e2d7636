"""What is true of every row, whatever has been done to its job: what `fsck` holds rows to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.stores.sql.rows import key_digest
from asyncendpoints.stores.sql.tables import COMPLETED, ENDED, IN_PROGRESS, OUTCOMES, STATES, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOOKED_AT: Final = (
    "job_id", "queue", "state", "place", "ready_at", "priority", "attempt", "max_attempts", "fence", "lease_until",
    "claim_id", "cancel_requested_at", "started_at", "finished_at", "expires_at", "strip_at", "prune_at", "stripped",
    "scope", "request_id", "key_digest", "run_started_at", "run_finished_at", "run_outcome", "run_worker",
    "settled_fence",
)  # fmt: skip
"""The columns of a job that are compared with each other."""
BODIES: Final = ("request", "payload", "result", "result_meta")
"""Those of which it matters whether they are there."""


def findings_about(row: Mapping[Any, Any]) -> list[str]:
    """Return what does not fit in the row of a job, one sentence each.

    Args:
        row: The columns `LOOKED_AT`, and for each of `BODIES` whether it is there.
    """
    if not 0 <= row["state"] < len(STATES):
        return [f"job {row['job_id']} is in state {row['state']}, which does not exist"]
    about = f"job {row['job_id']} is {STATES[row['state']]}"
    return [f"{about}, {what}" for what in (*_life(row), *_place(row), *_runs(row), *_key(row), *_bodies(row))]


def run_findings(run: Mapping[Any, Any], fence: int) -> list[str]:
    """Return what does not fit in the row of a run that is not its job's newest.

    Args:
        run: `job_id`, `number`, `finished_at` and `outcome`.
        fence: The number of the job's newest run.
    """
    about = f"run {run['number']} of job {run['job_id']}"
    found: list[str] = []
    if run["number"] >= fence:
        found.append(f"{about} is kept among the earlier ones, and the newest has the number {fence}")
    if run["finished_at"] is None or not _is_outcome(run["outcome"]):
        found.append(f"{about} is over, and how or when it ended is not known")
    return found


def _is_outcome(code: int | None) -> bool:
    return code is not None and 0 <= code < len(OUTCOMES)


def _life(row: Mapping[Any, Any]) -> Iterator[str]:
    is_running, has_ended = row["state"] == IN_PROGRESS, row["state"] in ENDED
    for name in ("lease_until", "claim_id"):
        if (row[name] is not None) != is_running:
            yield f"and has {_some(row[name])} {name}"
    for name in ("finished_at", "expires_at", "prune_at"):
        if (row[name] is not None) != has_ended:
            yield f"and has {_some(row[name])} {name}"
    if row["strip_at"] is not None and (row["stripped"] or not has_ended):
        yield "and has a strip_at"
    if not has_ended and not is_running and row["cancel_requested_at"] is not None:
        yield "and its cancellation was asked for"
    if STATES[row["state"]] == "canceled" and row["cancel_requested_at"] is None:
        yield "and nobody has asked for it"


def _some(value: object) -> str:
    return "no" if value is None else "a"


def _place(row: Mapping[Any, Any]) -> Iterator[str]:
    place = place_of(row["state"], row["priority"], row["ready_at"])
    if row["place"] != place:
        yield f"with the place {row['place']}, and its rank is {place}"


def _runs(row: Mapping[Any, Any]) -> Iterator[str]:
    fence, has_run = row["fence"], row["fence"] > 0
    if fence < 0:
        yield f"and its fence is {fence}"
    if not 0 <= row["attempt"] <= min(row["max_attempts"], max(fence, 0)):
        yield f"and has had {row['attempt']} attempts of {row['max_attempts']} in {fence} runs"
    for name in ("started_at", "run_started_at", "run_worker"):
        if (row[name] is not None) != has_run:
            yield f"and has {_some(row[name])} {name} after {fence} runs"
    is_running = row["state"] == IN_PROGRESS
    if is_running and not has_run:
        yield "and has never run"
    is_over = row["run_finished_at"] is not None and _is_outcome(row["run_outcome"])
    if is_running and row["run_finished_at"] is not None:
        yield "and its newest run is over"
    if has_run and not is_running and not is_over:
        yield "and its newest run is not over"
    if row["state"] == COMPLETED and is_over and OUTCOMES[row["run_outcome"]] != "completed":
        yield f"and its newest run ended as {OUTCOMES[row['run_outcome']]}"
    if row["settled_fence"] is not None and row["settled_fence"] > fence:
        yield f"and run {row['settled_fence']} was settled, of {fence}"


def _key(row: Mapping[Any, Any]) -> Iterator[str]:
    key = row["request_id"]
    expected = None if key is None else key_digest(row["scope"] or "", key)
    if row["key_digest"] != expected:
        yield "and its idempotency key is found under another one's digest, or not at all"


def _bodies(row: Mapping[Any, Any]) -> Iterator[str]:
    if row["stripped"]:
        for name in BODIES:
            if row[name]:
                yield f"its retention is over, and its {name} is there"
    elif row["state"] != COMPLETED and row["result"]:
        yield "and has a result"
