"""The tables, and the codes that stand in them.

Times are UTC milliseconds. A job's newest run stands in its own row, so that a job that runs once is one row; earlier
runs are in a table of their own.
"""

from __future__ import annotations

from typing import Final, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from asyncendpoints.job import TERMINAL_STATES, JobState, Outcome

STATES: Final[tuple[JobState, ...]] = get_args(JobState)
"""A state's code is its place here."""
STATE_CODES: Final = {state: code for code, state in enumerate(STATES)}
ENDED: Final = frozenset(STATE_CODES[state] for state in STATES if state in TERMINAL_STATES)
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
OUTCOME_CODES: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}

SCHEDULED: Final = STATE_CODES["scheduled"]
QUEUED: Final = STATE_CODES["queued"]
IN_PROGRESS: Final = STATE_CODES["in_progress"]
COMPLETED: Final = STATE_CODES["completed"]
FAILED: Final = STATE_CODES["failed"]

SCHEMA_VERSION: Final = 1
TIME_BITS: Final = 54
"""How many bits of a rank are time; the priority is above them."""
LATEST: Final = (1 << TIME_BITS) - 1

metadata: Final = MetaData()


def _name(index: str) -> str:
    return f"asyncendpoints_{index}"


schema: Final = Table(
    _name("schema"),
    metadata,
    Column("only", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", SmallInteger, nullable=False),
)

jobs: Final = Table(
    _name("jobs"),
    metadata,
    Column("namespace", String(64), nullable=False),
    Column("job_id", String(36), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("state", SmallInteger, nullable=False),
    # What orders the jobs of one state in one queue: the rank of a queued one, the due time of a scheduled one, else 0.
    Column("place", BigInteger, nullable=False),
    Column("ready_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("claim_id", Text),
    Column("cancel_requested_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("scheduled_at", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("expires_at", BigInteger),
    # When the bodies go while the key keeps the record, and when the record goes.
    Column("strip_at", BigInteger),
    Column("prune_at", BigInteger),
    Column("stripped", Boolean, nullable=False),
    Column("timeout_ms", BigInteger, nullable=False),
    Column("retention_completed_ms", BigInteger, nullable=False),
    Column("retention_failed_ms", BigInteger, nullable=False),
    Column("handler", Text, nullable=False),
    Column("owner", Text),
    Column("scope", Text),
    Column("request_id", Text),
    Column("fingerprint", LargeBinary(32)),
    # A digest of scope and key: of one length, whatever they are.
    Column("key_digest", String(64)),
    Column("redrive_of", String(36)),
    Column("origin", String(36)),
    # The newest run, numbered by the fence, and the newest settlement.
    Column("run_started_at", BigInteger),
    Column("run_finished_at", BigInteger),
    Column("run_outcome", SmallInteger),
    Column("run_worker", Text),
    Column("run_error", LargeBinary),
    Column("settled_fence", BigInteger),
    Column("settled_nonce", String(20)),
    Column("settled_to", SmallInteger),
    # Last, so that what comes before them is read without them.
    Column("progress", LargeBinary),
    Column("result", LargeBinary),
    Column("result_meta", LargeBinary),
    Column("request", LargeBinary),
    Column("payload", LargeBinary),
    PrimaryKeyConstraint("namespace", "job_id"),
)

Index(_name("jobs_place"), jobs.c.namespace, jobs.c.queue, jobs.c.state, jobs.c.place, jobs.c.job_id)
Index(_name("jobs_age"), jobs.c.namespace, jobs.c.created_at, jobs.c.job_id)
Index(_name("jobs_key"), jobs.c.namespace, jobs.c.key_digest, unique=True)


def _partial(name: str, condition: str, *columns: Column[int] | Column[str]) -> None:
    where = text(condition)
    Index(_name(name), *columns, sqlite_where=where, postgresql_where=where)


_partial("jobs_lease", "lease_until IS NOT NULL", jobs.c.namespace, jobs.c.lease_until)
_partial("jobs_strip", "strip_at IS NOT NULL", jobs.c.namespace, jobs.c.strip_at)
_partial("jobs_prune", "prune_at IS NOT NULL", jobs.c.namespace, jobs.c.prune_at)
_partial("jobs_failed", f"state = {FAILED}", jobs.c.namespace, jobs.c.created_at, jobs.c.job_id)
_partial("jobs_due", f"state = {SCHEDULED}", jobs.c.namespace, jobs.c.place, jobs.c.job_id)
_partial("jobs_origin", "origin IS NOT NULL", jobs.c.namespace, jobs.c.origin)

runs: Final = Table(
    _name("runs"),
    metadata,
    Column("namespace", String(64), nullable=False),
    Column("job_id", String(36), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("outcome", SmallInteger),
    Column("worker", Text, nullable=False),
    Column("error", LargeBinary),
    PrimaryKeyConstraint("namespace", "job_id", "number"),
)

effects: Final = Table(
    _name("effects"),
    metadata,
    Column("namespace", String(64), nullable=False),
    Column("origin", String(36), nullable=False),
    Column("effect", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("value", LargeBinary),
    PrimaryKeyConstraint("namespace", "origin", "effect"),
)

paused: Final = Table(
    _name("paused"),
    metadata,
    Column("namespace", String(64), nullable=False),
    Column("queue", String(64), nullable=False),
    PrimaryKeyConstraint("namespace", "queue"),
)


def state_of(code: int) -> JobState:
    """Return the state of a code."""
    return STATES[code]


def outcome_of(code: int | None) -> Outcome | None:
    """Return the outcome of a code; a run that goes on has none."""
    return None if code is None else OUTCOMES[code]


def place_of(state: int, priority: int, ready_at: int) -> int:
    """Return what orders a job among those of its queue and state: its rank (CLM-2), its due time, or nothing."""
    if state == QUEUED:
        return (100 - priority) << TIME_BITS | min(ready_at, LATEST)
    return ready_at if state == SCHEDULED else 0
