"""What the URL of a SQLite database says: where the file is, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores import url_parts
from asyncendpoints.stores.url_parts import TIMEOUT

_PARAMETERS: Final = ("namespace", "timeout", "prefix", "synchronous")
_SYNCHRONOUS: Final = ("NORMAL", "FULL")
_FORMS: Final = "sqlite:///file.db for a relative path, or sqlite:////directory/file.db for an absolute one"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """Where the file is, and how to use it."""

    path: str
    namespace: str | None = None
    """Separates applications; None leaves it to the settings."""
    timeout: float = TIMEOUT
    """Seconds to wait for other processes that write."""
    prefix: str | None = None
    """How the names of the tables begin."""
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
    given = url_parts.parameters(parts.query, _PARAMETERS, "SQLite")
    return SqliteAddress(
        path=path,
        namespace=url_parts.namespace(given.get("namespace"), "SQLite"),
        timeout=url_parts.seconds("timeout", given.get("timeout"), "SQLite", least=0.0),
        prefix=given.get("prefix"),
        synchronous=_synchronous(given.get("synchronous", "NORMAL")),
    )


def _synchronous(value: str) -> str:
    if value.upper() not in _SYNCHRONOUS:
        raise ConfigurationError(f"synchronous in the SQLite URL must be normal or full, not {value!r}")
    return value.upper()
