"""Every statement about given jobs. Each concerns one namespace, and every holder's write has its fence in the WHERE.

A store has its own, because its tables have names of their own and its database says some things in its own way
(LSE-2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    SmallInteger,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from asyncendpoints.stores.sql.queue_statements import QueueStatements
from asyncendpoints.stores.sql.rows import NEW
from asyncendpoints.stores.sql.tables import FAILED, IN_PROGRESS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables

_FACTS = (
    "job_id", "queue", "state", "fence", "lease_until", "cancel_requested_at", "priority", "ready_at", "attempt",
    "max_attempts", "created_at", "key_digest", "retention_completed_ms", "retention_failed_ms", "run_worker",
    "settled_fence", "settled_nonce", "settled_to",
)  # fmt: skip
"""What is known of a job before it is moved to another state."""
_RUN = {
    "namespace": "namespace",
    "job_id": "job_id",
    "number": "fence",
    "started_at": "run_started_at",
    "finished_at": "run_finished_at",
    "outcome": "run_outcome",
    "worker": "run_worker",
    "error": "run_error",
}
"""The columns of an earlier run, and where it stood while it was the newest."""


class Statements:
    """The statements of one store.

    What is read in order to be written is locked, in the order of the ids, where several transactions write at the same
    time; elsewhere that says nothing.

    Args:
        tables: The store's.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self.tables = tables
        self._dialect = dialect
        c = tables.jobs.c
        ns: BindParameter[str] = bindparam("ns")
        now: BindParameter[int] = bindparam("now")
        self._now = now
        self._here = c.namespace == ns
        self._one = and_(self._here, c.job_id == bindparam("id"))
        self._listed = and_(self._here, dialect.among(c.job_id, "ids"))
        self._changed: dict[Any, Any] = {c.version: c.version + 1, c.updated_at: now}
        self._limit: BindParameter[int] = bindparam("limit")
        self.queues = QueueStatements(tables, dialect)
        self._readers()
        self._holders()
        self._controls()
        self._sweeps()
        self._runs()
        self._effects()
        self._pages = {
            (failed, after): self._page(failed=failed, after=after)
            for failed in (False, True)
            for after in (False, True)
        }

    def _held(self, fence: ColumnElement[Any], job_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return what a holder's write asks for: the run is the newest, and goes on."""
        c = self.tables.jobs.c
        return and_(self._here, c.job_id == job_id, c.fence == fence, c.state == literal_column(str(IN_PROGRESS)))

    def _readers(self) -> None:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        self.add_jobs = self._dialect.adding(jobs, NEW)
        self.jobs = select(jobs).where(self._listed)
        self.by_key = select(jobs).where(self._here, self._dialect.among(c.key_digest, "keys"))
        self.versions = select(c.job_id, c.version, c.state).where(self._listed)

    def _holders(self) -> None:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        facts = select(*(c[name] for name in _FACTS)).order_by(c.job_id).with_for_update()
        self.facts = facts.where(self._listed)
        self.facts_of_one = facts.where(self._one)
        self.facts_of_claim = facts.where(
            self._here,
            c.claim_id == bindparam("claim"),
            c.state == literal_column(str(IN_PROGRESS)),
            c.lease_until.is_not(None),
        )
        one_held = self._held(bindparam("of_fence"), bindparam("id"))
        self.holder = select(func.coalesce(c.origin, c.job_id)).where(one_held).with_for_update()
        self.holders = (
            select(c.job_id, c.fence, c.cancel_requested_at)
            .where(self._listed, c.state == literal_column(str(IN_PROGRESS)))
            .order_by(c.job_id)
            .with_for_update()
        )
        self.progress = update(jobs).where(one_held).values({c.progress: bindparam("body"), **self._changed})
        self.request_cancel = update(jobs).where(one_held).values({c.cancel_requested_at: self._now, **self._changed})
        self.renew = self._dialect.each(
            lambda row: (
                update(jobs)
                .where(self._held(row["of_fence"], row["id"]))
                .values({c.lease_until: bindparam("until", type_=BigInteger)})
            ),
            id=String(),
            of_fence=BigInteger(),
        )
        self.settle = self._dialect.each(
            lambda row: (
                update(jobs)
                .where(self._held(row["of_fence"], row["id"]))
                .values(
                    {
                        c.state: row["to"],
                        c.place: row["at"],
                        c.ready_at: row["ready"],
                        c.attempt: row["attempts"],
                        c.lease_until: None,
                        c.claim_id: None,
                        c.finished_at: row["finished"],
                        c.expires_at: row["expires"],
                        c.strip_at: row["strips"],
                        c.prune_at: row["prunes"],
                        c.run_finished_at: self._now,
                        c.run_outcome: row["outcome"],
                        c.run_error: row["failure"],
                        c.settled_fence: row["of_fence"],
                        c.settled_nonce: row["nonce"],
                        c.settled_to: row["to"],
                        c.result: row["value"],
                        c.result_meta: row["meta"],
                        **self._changed,
                    }
                )
            ),
            id=String(), of_fence=BigInteger(), to=SmallInteger(), at=BigInteger(), ready=BigInteger(),
            attempts=SmallInteger(), finished=BigInteger(), expires=BigInteger(), strips=BigInteger(),
            prunes=BigInteger(), outcome=SmallInteger(), failure=LargeBinary(), nonce=String(), value=LargeBinary(),
            meta=LargeBinary(),
        )  # fmt: skip

    def _controls(self) -> None:
        jobs, c, paused = self.tables.jobs, self.tables.jobs.c, self.tables.paused
        unmoved = and_(self._one, c.state == bindparam("of_state"))
        self.run_now = (
            update(jobs)
            .where(unmoved)
            .values({c.state: bindparam("to"), c.place: bindparam("at"), c.ready_at: self._now, **self._changed})
        )
        self.cancel = (
            update(jobs)
            .where(unmoved)
            .values(
                {
                    c.state: bindparam("to"),
                    c.place: 0,
                    c.cancel_requested_at: self._now,
                    c.finished_at: self._now,
                    c.expires_at: bindparam("expires"),
                    c.strip_at: bindparam("strips"),
                    c.prune_at: bindparam("prunes"),
                    **self._changed,
                }
            )
        )
        self.add_paused = self._dialect.adding(paused, ("namespace", "queue"))
        self.remove_paused = delete(paused).where(
            paused.c.namespace == bindparam("ns"), paused.c.queue == bindparam("queue")
        )

    def _sweeps(self) -> None:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        now, limit = self._now, self._limit
        self.expired = (
            select(c.job_id, c.fence, c.attempt, c.max_attempts, c.cancel_requested_at, c.handler, c.queue)
            .where(self._here, c.lease_until < now)
            .order_by(c.lease_until)
            .limit(limit)
        )
        # What another process sweeps at the same time is left to it.
        self.stripped = (
            select(c.job_id, c.prune_at)
            .where(self._here, c.strip_at <= now)
            .order_by(c.strip_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self.pruned = (
            select(c.job_id, c.origin)
            .where(self._here, c.prune_at <= now)
            .order_by(c.prune_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self.ended = select(c.job_id, c.state, c.origin).where(self._one).with_for_update()
        self.strip = (
            update(jobs)
            .where(self._listed)
            .values(
                {
                    c.payload: None,
                    c.request: None,
                    c.result: None,
                    c.result_meta: None,
                    c.stripped: True,
                    c.strip_at: None,
                    **self._changed,
                }
            )
        )
        self.delete = delete(jobs).where(self._listed)

    def _runs(self) -> None:
        c, runs = self.tables.jobs.c, self.tables.runs
        r = runs.c
        its = and_(r.namespace == bindparam("ns"), self._dialect.among(r.job_id, "ids"))
        self.runs = select(runs).where(its).order_by(r.job_id, r.number)
        self.delete_runs = delete(runs).where(its)
        self.keep_runs = insert(runs).from_select(
            list(_RUN), select(*(c[name] for name in _RUN.values())).where(self._listed, c.fence > 0)
        )
        other = runs.alias("other")
        # The newest run was released as well, and counts.
        oldest_kept = (
            select(other.c.number)
            .where(
                other.c.namespace == bindparam("ns"),
                other.c.job_id == r.job_id,
                other.c.outcome == bindparam("outcome"),
            )
            .order_by(other.c.number.desc())
            .limit(1)
            .offset(bindparam("kept_before"))
            .scalar_subquery()
        )
        self.forget_runs = delete(runs).where(its, r.outcome == bindparam("outcome"), r.number <= oldest_kept)

    def _effects(self) -> None:
        c, effects = self.tables.jobs.c, self.tables.effects
        e = effects.c
        it = and_(
            e.namespace == bindparam("ns"),
            e.origin == bindparam("of_origin"),
            e.effect == bindparam("of_effect"),
        )
        mine = and_(it, e.nonce == bindparam("by"), e.value.is_(None))
        self.add_effect = self._dialect.adding(effects, ("namespace", "origin", "effect", "nonce"))
        self.effect = select(e.nonce, e.value).where(it).with_for_update()
        self.take_over_effect = update(effects).where(it, e.value.is_(None)).values({e.nonce: bindparam("by")})
        self.record_effect = update(effects).where(mine).values({e.value: bindparam("gave")})
        self.remove_effect = delete(effects).where(mine)
        lives = exists().where(self._here, c.job_id == e.origin)
        is_named = exists().where(self._here, c.origin == e.origin)
        self.delete_effects = delete(effects).where(
            e.namespace == bindparam("ns"), self._dialect.among(e.origin, "ids"), ~lives, ~is_named
        )

    def page(self, *, failed: bool, after: bool) -> Select[*tuple[Any, ...]]:
        """Jobs newest first, from the newest or after a cursor, with what a filter asks about."""
        return self._pages[failed, after]

    def _page(self, *, failed: bool, after: bool) -> Select[*tuple[Any, ...]]:
        c = self.tables.jobs.c
        statement = select(c.job_id, c.created_at, c.state, c.queue, c.handler, c.owner).where(self._here)
        if failed:
            statement = statement.where(c.state == literal_column(str(FAILED)))
        if after:
            statement = statement.where(tuple_(c.created_at, c.job_id) < tuple_(bindparam("age"), bindparam("id")))
        return statement.order_by(c.created_at.desc(), c.job_id.desc()).limit(self._limit)
