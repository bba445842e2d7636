"""What the URL of a SQLite database says: where the file is, and how to use it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from asyncendpoints.errors import ConfigurationError

TIMEOUT: Final = 5.0
"""Seconds to wait for other processes that write, unless the URL says otherwise."""
LONGEST_TIMEOUT: Final = 3_600.0
_PARAMETERS: Final = ("namespace", "timeout", "synchronous")
_SYNCHRONOUS: Final = ("NORMAL", "FULL")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FORMS: Final = "sqlite:///file.db for a relative path, or sqlite:////directory/file.db for an absolute one"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """Where the file is, and how to use it."""

    path: str
    namespace: str | None = None
    """Separates applications; None leaves it to the settings."""
    timeout: float = TIMEOUT
    """Seconds to wait for other processes that write."""
    synchronous: str = "NORMAL"
    """`FULL` writes every commit through to the disk; `NORMAL` survives every end of the process."""

    def __str__(self) -> str:
        return self.path


def parse_sqlite_url(url: str) -> SqliteAddress:
    """Read a URL.

    Raises:
        ConfigurationError: It is no URL of a SQLite file, or a part of it cannot work.
    """
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or not path or path.startswith((":memory:", "file:")):
        raise ConfigurationError(
            f"the URL of a SQLite database names a file: {_FORMS}; for jobs in memory there is memory://"
        )
    if "\0" in path:
        raise ConfigurationError("the path of a SQLite database holds no null character")
    given: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise ConfigurationError(f"{name!r} is no parameter of a SQLite URL; they are {', '.join(_PARAMETERS)}")
        if name in given:
            raise ConfigurationError(f"the parameter {name!r} of the SQLite URL is there more than once")
        given[name] = value
    return SqliteAddress(
        path=path,
        namespace=_namespace(given.get("namespace")),
        timeout=_timeout(given.get("timeout")),
        synchronous=_synchronous(given.get("synchronous", "NORMAL")),
    )


def _namespace(value: str | None) -> str | None:
    if value is not None and not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"namespace in the SQLite URL must be a name that matches {_NAME.pattern}, not {value!r}"
        )
    return value


def _timeout(value: str | None) -> float:
    if value is None:
        return TIMEOUT
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            f"timeout in the SQLite URL must be a number of seconds from 0 to {LONGEST_TIMEOUT:g}, not {value!r}"
        )
    return seconds


def _synchronous(value: str) -> str:
    if value.upper() not in _SYNCHRONOUS:
        raise ConfigurationError(f"synchronous in the SQLite URL must be normal or full, not {value!r}")
    return value.upper()
