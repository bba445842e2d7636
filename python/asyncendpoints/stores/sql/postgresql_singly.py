"""How one statement is a transaction by itself on PostgreSQL, and what becomes of one that nobody answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import BigInteger, bindparam, func, literal_column, select, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, CursorResult

    from asyncendpoints.stores.sql.dialect import Each
    from asyncendpoints.stores.sql.postgresql_arrays import EachArray

NOW: Final = "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS bigint)"
SERVED_BY: Final = (
    "(SELECT concat(pid, ' ', extract(epoch FROM backend_start)) FROM pg_stat_get_activity(pg_backend_pid()))"
)
"""The process that serves a connection: its number, which others may get later, and when it began."""
_INFO: Final = "served_by"
# Ended, and not only waited for: what the server has not read yet would be done afterwards.
_end: Final = text(
    "SELECT count(pg_terminate_backend(pid)) FROM"
    " pg_stat_get_activity(CAST(split_part(CAST(:served_by AS text), ' ', 1) AS integer))"
    " WHERE concat(pid, ' ', extract(epoch FROM backend_start)) = CAST(:served_by AS text)"
)
MOMENT: Final[ColumnElement[int]] = select(
    func.coalesce(bindparam("now", type_=BigInteger()), literal_column(NOW, BigInteger))
).scalar_subquery()
"""The parameter `now`, or the database's time where it is null, found out once for a statement."""


class PostgresqlSingly:
    """One statement as a transaction by itself."""

    moment: ColumnElement[int] = MOMENT

    def ask_each(
        self, connection: Connection, each: Each, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
    ) -> CursorResult[Any]:
        """Execute a statement about rows, given as a list of values for each name."""
        return cast("EachArray", each).ask(connection, columns, same)

    def served_by(self, connection: Connection) -> str:
        """Return what `end` knows the server's side of a connection by."""
        return connection.connection.info[_INFO]

    def end(self, connection: Connection, served_by: str) -> bool:
        """End the server's side of a connection that was lost; tell whether it is over, and all that it was at."""
        return not connection.execute(_end, {"served_by": served_by}).scalar_one()


def remember(info: dict[Any, Any], served_by: str) -> None:
    """Remember what serves a connection."""
    info[_INFO] = served_by
