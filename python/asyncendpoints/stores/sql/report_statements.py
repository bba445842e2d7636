"""The statements about what processes tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, LargeBinary, String, and_, bindparam, delete, select, update

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import BindParameter

    from asyncendpoints.stores.sql.dialect import Dialect
    from asyncendpoints.stores.sql.tables import Tables


class ReportStatements:
    """The statements of one store.

    What is removed is locked first, and what others have locked is left to them, so that nobody waits for anybody's
    report.

    Args:
        tables: The store's.
        dialect: The database's.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        signs, history = tables.signs, tables.history
        s, h = signs.c, history.c
        ns: BindParameter[str] = bindparam("ns", type_=String())
        limit: BindParameter[int] = bindparam("limit")
        until: BindParameter[int] = bindparam("until", type_=BigInteger)
        whose: BindParameter[str] = bindparam("whose", type_=String())
        of_slot: BindParameter[int] = bindparam("of_slot", type_=BigInteger)

        its_sign = and_(s.namespace == ns, s.process == whose)
        self.change_sign = (
            update(signs)
            .where(its_sign)
            .values(
                {s.seen_at: bindparam("now", type_=BigInteger), s.card: bindparam("told", type_=LargeBinary)},
            )
        )
        self.add_sign = dialect.adding(signs, ("namespace", "process", "seen_at", "card"))
        self.remove_sign = delete(signs).where(its_sign)
        self.signs = select(s.process, s.card, s.seen_at).where(s.namespace == ns).order_by(s.process)
        is_old = and_(s.namespace == ns, s.seen_at <= until)
        self.old_signs = (
            select(s.process).where(is_old).order_by(s.process).limit(limit).with_for_update(skip_locked=True)
        )
        self.remove_signs = delete(signs).where(dialect.among(s.process, "ids"), s.seen_at <= until)

        self.change_history = (
            update(history)
            .where(h.namespace == ns, h.slot == of_slot, h.process == whose)
            .values({h.counts: bindparam("told", type_=LargeBinary)})
        )
        self.add_history = dialect.adding(history, ("namespace", "slot", "process", "counts"))
        self.history = (
            select(h.slot, h.process, h.counts)
            .where(h.namespace == ns, h.slot >= bindparam("since", type_=BigInteger))
            .order_by(h.slot, h.process)
        )
        self.old_history = (
            select(h.slot, h.process)
            .where(h.namespace == ns, h.slot <= until)
            .order_by(h.slot, h.process)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self.remove_history = delete(history).where(dialect.among(h.process, "ids"), h.slot == of_slot)
