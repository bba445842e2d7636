"""What the errors of PostgreSQL mean, by their codes, which all its drivers share."""

from __future__ import annotations

import builtins
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from asyncendpoints.stores.sql.dialect import Overtaken, Trouble

_CONFLICTS: Final = frozenset({
    "40001",  # a serialization failure
    "40P01",  # a deadlock
    "55P03",  # a lock was not available
    "23505",  # somebody else has just added the same
    "0A000",  # the tables were altered, and statements are prepared anew
})  # fmt: skip
_LOST: Final = frozenset({
    "57P01", "57P02", "57P03",  # the server shuts down, has crashed, or starts
    "57P05", "25P03",  # the connection was idle for too long
    "25006",  # the server has become one that only reads
})  # fmt: skip
_CALLS: Final = ("22", "21")
"""How codes begin that are about values."""
_SENTENCES: Final = {
    "25006": "it only reads: it is a standby",
    "28000": "it refused the user",
    "28P01": "it refused the user or the password",
    "3D000": "there is no such database; create it first, as in CREATE DATABASE jobs",
    "3F000": "there is no such schema; create it first, as in CREATE SCHEMA jobs",
    "42501": "this user may not use the tables, or not set them up",
    "42P01": "a table is missing",
    "53100": "there is no room left on its disk",
    "53200": "it has no memory left",
    "53300": "it has no connection left (its max_connections); this library needs at most 6 for each process",
    "57014": "a statement took longer than it may (the timeout in the URL)",
    "57P01": "the connection was ended by an administrator",
    "57P02": "the server has crashed",
    "57P03": "the server starts or shuts down",
    "40001": "other transactions were in the way, again and again",
    "40P01": "other transactions were in the way, again and again",
}


def code_of(error: BaseException) -> str | None:
    """Return the server's code for an error, or None where it has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def trouble_of(error: Exception) -> Trouble:
    """Return what an error says of doing the same again."""
    if isinstance(error, Overtaken):
        return Trouble.CONFLICT
    code = code_of(error)
    if code is not None:
        return _trouble_of_code(code)
    if not isinstance(error, DBAPIError):
        return _trouble_of_others(error)
    if error.connection_invalidated or isinstance(error, OperationalError):
        return Trouble.LOST
    # A driver that cannot make sense of a value says so itself; whatever else it complains of is its connection.
    cause = None if error.orig is None else error.orig.__cause__ or error.orig
    return Trouble.LOST if isinstance(error, InterfaceError) and not isinstance(cause, ValueError) else Trouble.CALL


def _trouble_of_code(code: str) -> Trouble:
    if code in _CONFLICTS:
        return Trouble.CONFLICT
    if code in _LOST or code.startswith("08"):
        return Trouble.LOST
    return Trouble.CALL if code.startswith(_CALLS) else Trouble.DATABASE


def _trouble_of_others(error: Exception) -> Trouble:
    if isinstance(error, OSError | EOFError | builtins.TimeoutError):
        return Trouble.LOST
    return Trouble.DATABASE if isinstance(error, PoolTimeout) else Trouble.CALL


def sentence_for(error: Exception) -> str:
    """Return why the database did not do its work."""
    code = code_of(error)
    if code in _SENTENCES:
        return _SENTENCES[code]
    cause: BaseException = getattr(error, "orig", None) or error
    if isinstance(cause, builtins.TimeoutError):
        return "it did not answer in time"
    return str(cause).strip() or type(cause).__name__
