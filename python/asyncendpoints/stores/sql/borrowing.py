"""What differs between databases where a transaction is the user's own: which database it is, and how it may write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from sqlalchemy import text

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.sql.mysql_rows import PACKET

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table, Update

Identity: TypeAlias = tuple[object, ...]

_AUTOCOMMIT: Final = (
    "the session's connection is in autocommit mode: each statement is committed by itself, so that a job could not be "
    "part of a transaction; leave isolation_level='AUTOCOMMIT' out, or submit without a session"
)


class Borrowing(Protocol):
    """A database, seen from a connection that is somebody else's."""

    def begin(self, connection: Connection, nothing: Update) -> None:
        """See to it that the connection is in a transaction that may write.

        Args:
            connection: The user's.
            nothing: A statement that writes nothing.

        Raises:
            ConfigurationError: Each statement would be committed by itself.
        """
        ...

    def identity(self, connection: Connection, table: Table) -> Identity:
        """Return what tells the table that this connection finds from all others."""
        ...


class _Sqlite:
    def begin(self, connection: Connection, nothing: Update) -> None:
        driver: Any = connection.connection.driver_connection
        if getattr(driver, "in_transaction", False):
            # It takes its turn to write now: after more reading it might find that it cannot any more.
            connection.execute(nothing)
        elif getattr(driver, "isolation_level", "") is None:
            raise ConfigurationError(_AUTOCOMMIT)
        else:
            # The driver would begin with the first write, and what is read before it would be of another time.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def identity(self, connection: Connection, table: Table) -> Identity:
        files = {str(row[1]): str(row[2]) for row in connection.exec_driver_sql("PRAGMA database_list")}
        path = Path(files.get("main") or ":memory:")
        found = path.stat() if path.is_file() else None
        return ("memory", id(connection)) if found is None else (found.st_dev, found.st_ino)


class _Server:
    def begin(self, connection: Connection, nothing: Update) -> None:
        if _autocommits(connection):
            raise ConfigurationError(_AUTOCOMMIT)

    def identity(self, connection: Connection, table: Table) -> Identity:
        raise NotImplementedError


class _Postgresql(_Server):
    def identity(self, connection: Connection, table: Table) -> Identity:
        name = connection.dialect.identifier_preparer.format_table(table)
        found = connection.execute(_POSTGRESQL, {"name": name}).one()
        return tuple(found)


class _Mysql(_Server):
    def identity(self, connection: Connection, table: Table) -> Identity:
        *found, packet = connection.execute(_MYSQL).one()
        # Rows are handed over in statements that the server takes.
        connection.info[PACKET] = packet
        return tuple(found)


# The moment of a server's start tells it from every other, whatever name it is reached by.
_POSTGRESQL: Final = text(
    "SELECT CAST(pg_postmaster_start_time() AS text), CAST(current_database() AS text), "
    "CAST(to_regclass(:name) AS text), CAST(CAST(to_regclass(:name) AS oid) AS bigint)"
)
_MYSQL: Final = text("SELECT @@hostname, @@port, @@datadir, DATABASE(), @@max_allowed_packet")
_mysql: Final = _Mysql()
_FAMILIES: Final[dict[str, Borrowing]] = {
    "sqlite": _Sqlite(),
    "postgresql": _Postgresql(),
    "mysql": _mysql,
    "mariadb": _mysql,
}


def borrowing_of(dialect: str) -> Borrowing | None:
    """Return how to use connections of this dialect of SQLAlchemy's, or None where no store uses it."""
    return _FAMILIES.get(dialect)


def _autocommits(connection: Connection) -> bool:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return True
    driver = connection.connection.dbapi_connection
    try:
        return driver is not None and connection.dialect.detect_autocommit_setting(driver)
    except NotImplementedError:
        return False
