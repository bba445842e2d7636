"""Every statement. Each concerns one namespace, and every holder's write has its fence in the WHERE (LSE-2)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Integer,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    union_all,
    update,
)

from asyncendpoints.stores.sql.tables import FAILED, LATEST, SCHEDULED, effects, jobs, paused, runs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Select
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialects import Sqlite

J = jobs.c
_ns: BindParameter[str] = bindparam("ns")
_state: BindParameter[int] = bindparam("of_state")
_now: BindParameter[int] = bindparam("now")
_limit: BindParameter[int] = bindparam("limit")
_here = J.namespace == _ns
_one = and_(_here, J.job_id == bindparam("id"))
_held = and_(_one, J.fence == bindparam("of_fence"), J.state == _state)
"""What a holder's write asks for: the run is the newest, and goes on."""

CLAIMED = (
    J.job_id, J.fence, J.handler, J.queue, J.attempt, J.max_attempts, J.timeout_ms, J.created_at, J.ready_at,
    J.priority, J.request_id, J.owner, J.request, J.payload,
)  # fmt: skip
FACTS = (
    J.job_id, J.queue, J.state, J.fence, J.lease_until, J.cancel_requested_at, J.priority, J.ready_at, J.attempt,
    J.max_attempts, J.created_at, J.key_digest, J.retention_completed_ms, J.retention_failed_ms, J.run_worker,
    J.settled_fence, J.settled_nonce, J.settled_to,
)  # fmt: skip
"""What is known of a job before it is moved to another state."""

add_jobs = insert(jobs)
add_paused = insert(paused)
add_effect = insert(effects)
remove_paused = delete(paused).where(paused.c.namespace == _ns, paused.c.queue == bindparam("queue"))

facts_of_one = select(*FACTS).where(_one)
facts_of_claim = select(*FACTS).where(_here, J.claim_id == bindparam("claim"), J.state == _state, J.lease_until > 0)
waiting = select(func.count()).where(
    _here, J.queue == bindparam("queue"), J.state.in_(bindparam("states", expanding=True))
)

renew = update(jobs).where(_held).values(lease_until=bindparam("until"))
_rank = (100 - J.priority) * literal_column(str(LATEST + 1)) + case((J.ready_at > LATEST, LATEST), else_=J.ready_at)
promote = (
    update(jobs)
    .where(_one, J.state == _state)
    .values(state=bindparam("to"), place=_rank, version=J.version + 1, updated_at=_now)
)
claim = (
    update(jobs)
    .where(_one, J.state == _state)
    .values(
        state=bindparam("to"),
        place=0,
        fence=J.fence + 1,
        # SET-2 holds whatever verdict brought the job back.
        attempt=case((J.attempt < J.max_attempts, J.attempt + 1), else_=J.max_attempts),
        lease_until=bindparam("until"),
        claim_id=bindparam("claim"),
        started_at=func.coalesce(J.started_at, _now),
        run_started_at=_now,
        run_finished_at=None,
        run_outcome=None,
        run_worker=bindparam("worker"),
        run_error=None,
        version=J.version + 1,
        updated_at=_now,
    )
)
progress = update(jobs).where(_held).values(progress=bindparam("body"), version=J.version + 1, updated_at=_now)
request_cancel = update(jobs).where(_held).values(cancel_requested_at=_now, version=J.version + 1, updated_at=_now)
run_now = (
    update(jobs)
    .where(_one, J.state == _state)
    .values(state=bindparam("to"), place=bindparam("at"), ready_at=_now, version=J.version + 1, updated_at=_now)
)
cancel = (
    update(jobs)
    .where(_one, J.state == _state)
    .values(
        state=bindparam("to"),
        place=0,
        cancel_requested_at=_now,
        finished_at=_now,
        expires_at=bindparam("expires"),
        strip_at=bindparam("strips"),
        prune_at=bindparam("prunes"),
        version=J.version + 1,
        updated_at=_now,
    )
)
settle = (
    update(jobs)
    .where(_held)
    .values(
        state=bindparam("to"),
        place=bindparam("at"),
        ready_at=bindparam("ready"),
        attempt=bindparam("attempts"),
        lease_until=None,
        claim_id=None,
        finished_at=bindparam("finished"),
        expires_at=bindparam("expires"),
        strip_at=bindparam("strips"),
        prune_at=bindparam("prunes"),
        run_finished_at=_now,
        run_outcome=bindparam("outcome"),
        run_error=bindparam("failure"),
        settled_fence=bindparam("of_fence"),
        settled_nonce=bindparam("nonce"),
        settled_to=bindparam("to"),
        result=bindparam("value"),
        result_meta=bindparam("meta"),
        version=J.version + 1,
        updated_at=_now,
    )
)

expired = (
    select(J.job_id, J.fence, J.attempt, J.max_attempts, J.cancel_requested_at, J.handler, J.queue)
    .where(_here, J.lease_until < _now)
    .order_by(J.lease_until)
    .limit(_limit)
)
stripped = select(J.job_id, J.prune_at).where(_here, J.strip_at <= _now).order_by(J.strip_at).limit(_limit)
pruned = select(J.job_id, J.origin).where(_here, J.prune_at <= _now).order_by(J.prune_at).limit(_limit)
ended = select(J.job_id, J.state, J.origin).where(_one)
due = (
    select(J.job_id, J.queue)
    .where(_here, J.state == literal_column(str(SCHEDULED)), J.place <= _now)
    .order_by(J.place, J.job_id)
    .limit(_limit)
)

counts = (
    select(J.queue, J.state, func.count(), func.min(J.place.op("&")(literal_column(str(LATEST)))))
    .where(_here)
    .group_by(J.queue, J.state)
)

_effect = and_(
    effects.c.namespace == _ns,
    effects.c.origin == bindparam("of_origin"),
    effects.c.effect == bindparam("of_effect"),
)
effect = select(effects.c.nonce, effects.c.value).where(_effect)
take_over_effect = update(effects).where(_effect, effects.c.value.is_(None)).values(nonce=bindparam("by"))
record_effect = (
    update(effects)
    .where(_effect, effects.c.nonce == bindparam("by"), effects.c.value.is_(None))
    .values(value=bindparam("gave"))
)
remove_effect = delete(effects).where(_effect, effects.c.nonce == bindparam("by"), effects.c.value.is_(None))
holder = select(func.coalesce(J.origin, J.job_id)).where(_held)


def _heads(number: int) -> list[BindParameter[str]]:
    return [bindparam(f"queue_{index}") for index in range(number)]


@cache
def heads(number: int) -> CompoundSelect[Any]:
    """For each of so many queues: its number, when its next scheduled job is due, and whether it is paused."""
    parts: list[Any] = []
    for index, queue in enumerate(_heads(number)):
        first = (
            select(J.place)
            .where(_here, J.queue == queue, J.state == _state)
            .order_by(J.place)
            .limit(1)
            .scalar_subquery()
        )
        is_paused = exists().where(paused.c.namespace == _ns, paused.c.queue == queue)
        parts.append(select(literal_column(str(index), Integer), first, case((is_paused, 1), else_=0)))
    return union_all(*parts)


@cache
def first_in_place(number: int, columns: tuple[ColumnElement[Any], ...]) -> CompoundSelect[Any]:
    """The first `limit` jobs of so many queues in the order of their places, at most at the place `until`.

    Each queue is read in the order of the index, so that none is read further than it needs.
    """
    parts: list[Any] = []
    for queue in _heads(number):
        first = (
            select(J.place, *columns)
            .where(_here, J.queue == queue, J.state == _state, J.place <= bindparam("until"))
            .order_by(J.place, J.job_id)
            .limit(_limit)
            .subquery()
        )
        parts.append(select(first))
    found = union_all(*parts)
    return found.order_by("place", "job_id").limit(_limit)


@cache
def page(*, failed: bool, after: bool) -> Select[*tuple[Any, ...]]:
    """Jobs newest first, from the newest or after a cursor, with what a filter asks about."""
    statement = select(J.job_id, J.created_at, J.state, J.queue, J.handler, J.owner).where(_here)
    if failed:
        statement = statement.where(J.state == literal_column(str(FAILED)))
    if after:
        statement = statement.where(tuple_(J.created_at, J.job_id) < tuple_(bindparam("age"), bindparam("id")))
    return statement.order_by(J.created_at.desc(), J.job_id.desc()).limit(_limit)


class Grouped:
    """The statements about a list of jobs, which is handed over as each database likes it.

    Args:
        dialect: The database's.
    """

    def __init__(self, dialect: Sqlite) -> None:
        listed = and_(_here, dialect.among(J.job_id, "ids"))
        self.jobs = select(jobs).where(listed)
        self.facts = select(*FACTS).where(listed)
        self.versions = select(J.job_id, J.version, J.state).where(listed)
        self.by_key = select(jobs).where(_here, dialect.among(J.key_digest, "keys"))
        self.runs = (
            select(runs)
            .where(runs.c.namespace == _ns, dialect.among(runs.c.job_id, "ids"))
            .order_by(runs.c.job_id, runs.c.number)
        )
        self.holders = select(J.job_id, J.fence, J.cancel_requested_at).where(listed, J.state == _state)
        self.keep_runs = insert(runs).from_select(
            ["namespace", "job_id", "number", "started_at", "finished_at", "outcome", "worker", "error"],
            select(
                J.namespace, J.job_id, J.fence, J.run_started_at, J.run_finished_at, J.run_outcome, J.run_worker,
                J.run_error,
            ).where(listed, J.fence > 0),
        )  # fmt: skip
        self.strip = (
            update(jobs)
            .where(listed)
            .values(
                payload=None,
                request=None,
                result=None,
                result_meta=None,
                stripped=True,
                strip_at=None,
                version=J.version + 1,
                updated_at=_now,
            )
        )
        self.delete = delete(jobs).where(listed)
        self.delete_runs = delete(runs).where(runs.c.namespace == _ns, dialect.among(runs.c.job_id, "ids"))
        lives = exists().where(_here, J.job_id == effects.c.origin)
        is_named = exists().where(_here, J.origin == effects.c.origin)
        self.delete_effects = delete(effects).where(
            effects.c.namespace == _ns, dialect.among(effects.c.origin, "ids"), ~lives, ~is_named
        )
        other = runs.alias("other")
        # The newest run was released as well, and counts.
        oldest_kept = (
            select(other.c.number)
            .where(
                other.c.namespace == _ns,
                other.c.job_id == runs.c.job_id,
                other.c.outcome == bindparam("outcome"),
            )
            .order_by(other.c.number.desc())
            .limit(1)
            .offset(bindparam("kept_before"))
            .scalar_subquery()
        )
        self.forget_runs = delete(runs).where(
            runs.c.namespace == _ns,
            dialect.among(runs.c.job_id, "ids"),
            runs.c.outcome == bindparam("outcome"),
            runs.c.number <= oldest_kept,
        )
