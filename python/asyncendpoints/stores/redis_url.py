"""What a Redis URL says: where the server is, and how to use it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
TIMEOUT: Final = 5.0
"""Seconds after which a call gives up, unless the URL says otherwise."""
LONGEST_TIMEOUT: Final = 3_600.0
MOST_REPLICAS: Final = 100

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FILES: Final = ("ca", "cert", "key")
PARAMETERS: Final = ("namespace", "timeout", "wait_replicas", "db", *_FILES)
"""What may follow the question mark."""
_FORMS: Final = "redis://[user:password@]host[:port][/database], rediss://… for TLS, or unix://[user:password@]/path/to/socket[?db=…]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """Where the server is, and how to use it."""

    host: str = "localhost"
    port: int = 6379
    tls: bool = False
    ca: str | None = None
    """The file with the authorities that may have signed the server's certificate; None is those of the system."""
    cert: str | None = None
    """The file with the client's own certificate, where the server asks for one."""
    key: str | None = None
    """The file with that certificate's private key."""
    path: str | None = None
    """The socket in the file system, where there is no host."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    namespace: str | None = None
    """Separates applications; None leaves it to the settings."""
    timeout: float = TIMEOUT
    """Seconds after which a call gives up."""
    wait_replicas: int = 0
    """How many replicas must confirm a submission."""

    def __str__(self) -> str:
        return f"{self._place}, database {self.database}"

    @property
    def _place(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}"


def parse_redis_url(url: str) -> RedisAddress:
    """Read a URL.

    Raises:
        ConfigurationError: It is no Redis URL, or a part of it cannot work. The message never holds the password.
    """
    _refuse_bare_password(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What does not look like a port or a host may be half of a password.
        raise ConfigurationError(f"the host or port in the Redis URL cannot be read; its form is {_FORMS}") from None
    if parts.fragment:
        raise ConfigurationError(f"a Redis URL has no part after '#'; its form is {_FORMS}")
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(f"{parts.scheme!r} is no scheme of a Redis URL; its form is {_FORMS}")
    parameters = _parameters(parts.query)
    _require_tls_for_files(parts.scheme, parameters)
    is_unix = parts.scheme == "unix"
    database = "" if is_unix else parts.path.strip("/")
    if database and "db" in parameters:
        raise ConfigurationError("the Redis URL names the database twice, in its path and as db")
    database = parameters.get("db", database)
    return RedisAddress(
        host=parts.hostname or "localhost",
        port=6379 if port is None else port,
        tls=parts.scheme == "rediss",
        ca=parameters.get("ca"),
        cert=parameters.get("cert"),
        key=parameters.get("key"),
        path=_socket(parts) if is_unix else None,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=_whole("the database", database or "0", 0, 2**31 - 1),
        namespace=_namespace(parameters.get("namespace")),
        timeout=_timeout(parameters.get("timeout")),
        wait_replicas=_whole("wait_replicas", parameters.get("wait_replicas", "0"), 0, MOST_REPLICAS),
    )


def _refuse_bare_password(url: str) -> None:
    _, _, rest = url.partition("://")
    _, _, behind = rest.replace("?", "/").replace("#", "/").partition("/")
    # In a socket's path it may stand for itself.
    doubtful = "?".join(url.split("?")[1:]) if url.startswith("unix:") else behind
    if "@" in doubtful:
        raise ConfigurationError(
            "the password in the Redis URL must be percent-encoded: '/' as %2F, '?' as %3F, '#' as %23, '@' as %40"
        )


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise ConfigurationError(f"{name!r} is no parameter of a Redis URL; they are {known}")
        if name in parameters:
            raise ConfigurationError(f"the parameter {name!r} of the Redis URL is there more than once")
        parameters[name] = value
    return parameters


def _require_tls_for_files(scheme: str, parameters: dict[str, str]) -> None:
    given = [name for name in _FILES if name in parameters]
    if given and scheme != "rediss":
        raise ConfigurationError(f"{given[0]!r} in the Redis URL needs rediss://, which is encrypted")
    if ("cert" in parameters) != ("key" in parameters):
        raise ConfigurationError("cert and key in the Redis URL belong together: a certificate and its private key")


def _socket(parts: SplitResult) -> str:
    if parts.hostname or not parts.path.startswith("/"):
        raise ConfigurationError(f"a unix:// URL names an absolute path, after three slashes; the forms are {_FORMS}")
    return unquote(parts.path)


def _namespace(value: str | None) -> str | None:
    if value is not None and not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"namespace in the Redis URL must be a name that matches {_NAME.pattern}, not {value!r}"
        )
    return value


def _timeout(value: str | None) -> float:
    if value is None:
        return TIMEOUT
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            f"timeout in the Redis URL must be a number of seconds from 0.05 to {LONGEST_TIMEOUT:g}, not {value!r}"
        )
    return seconds


def _whole(what: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and least <= int(value) <= most):
        raise ConfigurationError(
            f"{what} in the Redis URL must be a whole number from {least} to {most}, not {value!r}"
        )
    return int(value)
