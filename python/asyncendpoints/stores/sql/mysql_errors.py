"""What the errors of MySQL and MariaDB mean, by their numbers, which both servers and all their drivers share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from asyncendpoints.stores.sql.dialect import Overtaken, Trouble

_DUPLICATE: Final = 1062
_CONFLICTS: Final = frozenset({
    1205,  # a lock was waited for in vain
    1213,  # a deadlock
    1020,  # a row has changed since it was read
    1317,  # an administrator has interrupted the statement
    _DUPLICATE,  # somebody else has just added the same
})  # fmt: skip
_LOST: Final = frozenset({
    1053,  # the server shuts down
    1077, 1079,  # the server has shut down
    1158, 1159, 1160, 1161,  # the network
    1927,  # an administrator has ended the connection
    2006, 2013, 2014, 2055,  # gone, as the driver sees it
    4031,  # the server has ended a connection that was idle
})  # fmt: skip
_SENTENCES: Final = {
    1021: "there is no room left on its disk",
    1040: "it has no connection left (its max_connections); this library needs at most 4 for each process",
    1044: "this user may not use the database",
    1045: "it refused the user or the password",
    1049: "there is no such database; create it first, as in CREATE DATABASE jobs",
    1114: "a table has no room left",
    1129: "it has blocked this host after errors in connecting (its max_connect_errors)",
    1130: "it admits no connections from this host",
    1142: "this user may not use one of the tables; SELECT, INSERT, UPDATE and DELETE are needed, and to set them up "
    "CREATE, ALTER, INDEX and DROP",
    1146: "a table is missing",
    1205: "a lock was not given in time, because somebody else kept it",
    1213: "other transactions were in the way, again and again",
    1290: "it is read-only",
    1665: "its binlog_format is STATEMENT, and this library needs ROW or MIXED, because it reads what is committed",
    1792: "it is read-only",
    1836: "it is read-only",
    2003: "nobody listens there, or it cannot be reached",
    2059: "it wants a way of logging in that the driver does not know",
}


def cause_of(error: Exception) -> BaseException:
    """Return what the driver has raised."""
    return getattr(error, "orig", None) or error


def code_of(error: Exception) -> int | None:
    """Return the error's number, where it has one."""
    arguments: tuple[Any, ...] = cause_of(error).args
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def trouble(error: Exception) -> Trouble:
    """Return what an error says of doing the same again."""
    code = code_of(error)
    if isinstance(error, Overtaken) or code in _CONFLICTS:
        return Trouble.CONFLICT
    if code in _LOST or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Trouble.LOST
    if isinstance(error, DataError | IntegrityError) or not isinstance(error, DBAPIError):
        return Trouble.CALL
    return Trouble.DATABASE


def sentence(error: Exception) -> str:
    """Return why the database did not do its work."""
    code = code_of(error)
    if code in _LOST:
        return "the connection was lost"
    found = _SENTENCES.get(code or 0)
    if found is not None:
        return found
    cause = cause_of(error)
    return f"error {code}: {cause.args[-1]}" if code is not None else str(cause) or type(cause).__name__
