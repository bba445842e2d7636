"""Every statement about given jobs. Each concerns one namespace, and every holder's write has its fence in the WHERE.

A store has its own, because its tables have names of their own and its database says some things in its own way
(LSE-2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from asyncendpoints.stores.sql.queue_statements import RUN, QueueStatements, rank
from asyncendpoints.stores.sql.report_statements import ReportStatements
from asyncendpoints.stores.sql.rows import KEY_MS, NEW
from asyncendpoints.stores.sql.tables import (
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    OUTCOME_CODES,
    QUEUED,
    following,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Executable, Select
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialect import Dialect, Each
    from asyncendpoints.stores.sql.tables import Tables

_FACTS = (
    "job_id", "queue", "state", "fence", "lease_until", "cancel_requested_at", "priority", "ready_at", "attempt",
    "max_attempts", "created_at", "key_digest", "retention_completed_ms", "retention_failed_ms", "run_worker",
    "settled_fence", "settled_nonce", "settled_to",
)  # fmt: skip
"""What is known of a job before it is moved to another state."""


_AT_ONCE: Final = {
    "state": str(QUEUED),
    "place": None,
    "ready_at": None,
    "version": "1",
    "attempt": "0",
    "fence": "0",
    "created_at": None,
    "updated_at": None,
    "scheduled_at": "NULL",
    "stripped": "false",
}
"""What is the same for all jobs that are submitted together and may begin at once; None: the time."""


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
        self._listed = dialect.among(c.job_id, "ids")
        self._changed: dict[Any, Any] = {c.version: c.version + 1, c.updated_at: now}
        self._limit: BindParameter[int] = bindparam("limit")
        self.queues = QueueStatements(tables, dialect)
        self.reports = ReportStatements(tables, dialect)
        self._readers()
        self._holders()
        self._controls()
        self._sweeps()
        self._runs()
        self._effects()
        self._pages = {failed: self._page(failed=failed) for failed in (False, True)}
        self.keyed = self._keyed()

    def _held(self, fence: ColumnElement[Any], job_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return what a holder's write asks for: the run is the newest, and goes on."""
        c = self.tables.jobs.c
        return and_(self._here, c.job_id == job_id, c.fence == fence, c.state == literal_column(str(IN_PROGRESS)))

    def _each_held(self, row: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
        c = self.tables.jobs.c
        return and_(
            c.namespace == row["ns"],
            c.job_id == row["id"],
            c.fence == row["of_fence"],
            c.state == literal_column(str(IN_PROGRESS)),
        )

    def _readers(self) -> None:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        self.add_jobs = self._dialect.adding(jobs, NEW)
        self.submit = self._submit() if self._dialect.singly is not None else None
        """Adds jobs that may begin at once, all or none, and returns when they were created."""
        self.jobs = select(jobs).where(self._listed)
        self.by_key = select(jobs).where(self._dialect.among(c.key_digest, "keys"))
        self.versions = select(c.job_id, c.version, c.state).where(self._listed)

    def _submit(self) -> Each:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        given = {name: c[name].type for name in NEW if name not in _AT_ONCE and name != "namespace"}

        def make(row: Mapping[str, ColumnElement[Any]]) -> Executable:
            now = row["now"]
            values: dict[str, ColumnElement[Any]] = {
                "namespace": row["ns"],
                **{name: row[name] for name in given},
                **{name: now if how is None else literal_column(how) for name, how in _AT_ONCE.items()},
                "place": rank(row["priority"], now),
            }
            rows = select(*(values[name] for name in NEW))
            added = insert(jobs).from_select(list(NEW), rows).returning(c.created_at).cte("added")
            return select(func.max(added.c.created_at))

        # The first is what no two have in common.
        types = {name: given[name] for name in ("job_id", *given)}
        return self._dialect.each_at(make, **{name: plain(type_) for name, type_ in types.items()})

    def _holders(self) -> None:
        jobs, c = self.tables.jobs, self.tables.jobs.c
        facts = select(*(c[name] for name in _FACTS)).order_by(c.job_id)
        # Not locked: what is written says what it was read as.
        self.facts = facts.where(self._listed)
        facts = facts.with_for_update()
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
        )
        self.progress = update(jobs).where(one_held).values({c.progress: bindparam("body"), **self._changed})
        self.request_cancel = update(jobs).where(one_held).values({c.cancel_requested_at: self._now, **self._changed})
        self.renew = self._dialect.each(
            lambda row: (
                update(jobs).where(self._each_held(row)).values({c.lease_until: bindparam("until", type_=BigInteger)})
            ),
            id=String(),
            of_fence=BigInteger(),
        )
        self.finish = self._finish()
        self.settle = self._dialect.each(
            lambda row: (
                update(jobs)
                .where(
                    self._each_held(row),
                    # The verdict is still the one that fits, and a lease that had passed was not renewed meanwhile.
                    case((c.cancel_requested_at.is_(None), 0), else_=1) == row["canceled"],
                    func.coalesce(row["of_lease"], c.lease_until) == c.lease_until,
                )
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
            id=String(), of_fence=BigInteger(), canceled=Integer(), of_lease=BigInteger(), to=SmallInteger(),
            at=BigInteger(), ready=BigInteger(),
            attempts=SmallInteger(), finished=BigInteger(), expires=BigInteger(), strips=BigInteger(),
            prunes=BigInteger(), outcome=SmallInteger(), failure=LargeBinary(), nonce=String(), value=LargeBinary(),
            meta=LargeBinary(),
        )  # fmt: skip

    def _finish(self) -> Each:
        """The settlement of runs that have completed, and whose cancellation nobody has asked for."""
        jobs, c = self.tables.jobs, self.tables.jobs.c
        completed = literal_column(str(COMPLETED), SmallInteger)
        forgotten_at = c.created_at + literal_column(str(KEY_MS), BigInteger)

        def make(row: Mapping[str, ColumnElement[Any]]) -> Executable:
            now = row["now"]
            expires_at = now + c.retention_completed_ms
            outlives = and_(c.key_digest.is_not(None), forgotten_at > expires_at)
            ended: dict[Any, Any] = {
                c.state: completed,
                c.place: 0,
                c.lease_until: None,
                c.claim_id: None,
                c.finished_at: now,
                c.expires_at: expires_at,
                c.strip_at: case((outlives, expires_at), else_=None),
                c.prune_at: case((outlives, forgotten_at), else_=expires_at),
                c.run_finished_at: now,
                c.run_outcome: literal_column(str(OUTCOME_CODES["completed"]), SmallInteger),
                c.run_error: None,
                c.settled_fence: row["of_fence"],
                c.settled_nonce: row["nonce"],
                c.settled_to: completed,
                c.result: row["value"],
                c.result_meta: row["meta"],
                c.version: c.version + 1,
                c.updated_at: now,
            }
            return update(jobs).where(self._each_held(row), c.cancel_requested_at.is_(None)).values(ended)

        return self._dialect.each_at(
            make, id=String(), of_fence=BigInteger(), nonce=String(), value=LargeBinary(), meta=LargeBinary()
        )

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
        self.paused = select(paused.c.queue).where(paused.c.namespace == bindparam("ns"))
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
        stripped = (
            select(c.job_id, c.prune_at)
            .where(self._here, c.strip_at <= now)
            .order_by(c.strip_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self.stripped = following(stripped, self.tables, "strip")
        pruned = (
            select(c.job_id, c.origin)
            .where(self._here, c.prune_at <= now)
            .order_by(c.prune_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self.pruned = following(pruned, self.tables, "prune")
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
        its = self._dialect.among(r.job_id, "ids")
        self.runs = select(runs).where(its).order_by(r.job_id, r.number)
        self.delete_runs = delete(runs).where(its)
        self.keep_runs = insert(runs).from_select(
            list(RUN), select(*(c[name] for name in RUN.values())).where(self._listed, c.fence > 0)
        )
        # Newest first; the newest run was released as well, and counts. In a table of their own, because MySQL does not
        # select from the table that it deletes from.
        place = func.row_number().over(partition_by=r.job_id, order_by=r.number.desc())
        released = and_(its, r.outcome == bindparam("outcome"))
        known = select(r.job_id, r.number, place.label("place")).where(released).subquery()
        old = select(known.c.job_id, known.c.number).where(known.c.place > bindparam("kept_before"))
        self.forget_runs = delete(runs).where(released, tuple_(r.job_id, r.number).in_(old))

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
        self.delete_effects = delete(effects).where(self._dialect.among(e.origin, "ids"), ~lives, ~is_named)

    def page(self, *, failed: bool) -> Select[*tuple[Any, ...]]:
        """Jobs newest first, of a time, and after a place in it, with what a filter asks about."""
        return self._pages[failed]

    def _listed_columns(self) -> Select[*tuple[Any, ...]]:
        c = self.tables.jobs.c
        names = ("job_id", "created_at", "state", "queue", "handler", "owner", "request_id")
        return select(*(c[name] for name in names)).where(self._here)

    def _page(self, *, failed: bool) -> Select[*tuple[Any, ...]]:
        c = self.tables.jobs.c
        age: BindParameter[int] = bindparam("age", type_=BigInteger)
        # Not as a comparison of pairs, for which MySQL and MariaDB begin at the newest.
        statement = self._listed_columns().where(
            c.created_at <= bindparam("until", type_=BigInteger),
            or_(c.created_at < age, c.job_id < bindparam("id", type_=String())),
            c.created_at >= bindparam("since", type_=BigInteger),
        )
        if failed:
            statement = statement.where(c.state == literal_column(str(FAILED)))
        statement = statement.order_by(c.created_at.desc(), c.job_id.desc()).limit(self._limit)
        return following(statement, self.tables, "failed" if failed else "age")

    def _keyed(self) -> Select[*tuple[Any, ...]]:
        """Some jobs whose keys begin with the same digest, in any scope."""
        digest = self.tables.jobs.c.key_digest
        begins = digest >= bindparam("digest", type_=String()), digest < bindparam("end", type_=String())
        return following(self._listed_columns().where(*begins).limit(self._limit), self.tables, "key")
