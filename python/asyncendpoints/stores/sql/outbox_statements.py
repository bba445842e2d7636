"""The statements about the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, LargeBinary, String, and_, bindparam, case, delete, func, null, select, update

from asyncendpoints.stores.sql.entries import NEW

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables


class OutboxStatements:
    """The statements of one outbox.

    Args:
        tables: Its tables.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        outbox, c = tables.outbox, tables.outbox.c
        now: BindParameter[int] = bindparam("now", type_=BigInteger)
        limit: BindParameter[int] = bindparam("limit")
        here = c.namespace == bindparam("ns", type_=String())
        one = and_(here, c.job_id == bindparam("id", type_=String()))
        listed = dialect.among(c.job_id, "ids")
        is_due = and_(here, c.next_at <= now)
        taken = select(c.job_id, c.queue, c.written_at, c.ready_at, c.turn, c.record)
        self.add = dialect.adding(outbox, NEW)
        waiting = select(c.job_id).where(here, c.queue == bindparam("queue", type_=String()), c.next_at.is_not(None))
        self.waiting = select(func.count()).select_from(waiting.limit(limit).subquery())
        self.is_any_due = select(c.job_id).where(is_due).limit(1)
        # Those that another relay is taking at this moment are its own.
        self.due = taken.where(is_due).order_by(c.next_at, c.job_id).limit(limit).with_for_update(skip_locked=True)
        # Although a relay may have it: the store knows an id that it is handed twice.
        self.one = taken.where(one, c.next_at.is_not(None)).with_for_update()
        self.take = update(outbox).where(listed).values(next_at=bindparam("until", type_=BigInteger), turn=c.turn + 1)
        self.remove = delete(outbox).where(listed)
        self.conclude = (
            update(outbox)
            .where(one, c.turn == bindparam("of_turn"), c.next_at.is_not(None))
            .values(
                next_at=bindparam("until", type_=BigInteger),
                same_as=bindparam("same", type_=String()),
                problem=bindparam("why", type_=LargeBinary),
                prune_at=bindparam("prunes", type_=BigInteger),
            )
        )
        self.find = select(outbox).where(one)
        self.visible = select(c.job_id).where(listed)
        self.pruned = select(c.job_id).where(here, c.prune_at <= now).order_by(c.prune_at).limit(limit)
        self.stats = select(
            func.count(c.next_at),
            func.min(case((c.next_at.is_not(None), c.written_at), else_=null())),
            func.count(c.problem),
        ).where(here)
