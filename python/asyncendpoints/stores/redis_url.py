"""What a Redis URL says: where the server is, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores import url_parts
from asyncendpoints.stores.url_parts import TIMEOUT

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
MOST_REPLICAS: Final = 100

SHORTEST_TIMEOUT: Final = 0.05
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
    parameters = url_parts.parameters(parts.query, PARAMETERS, "Redis")
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
        database=url_parts.whole("the database", database or "0", "Redis", least=0, most=2**31 - 1),
        namespace=url_parts.namespace(parameters.get("namespace"), "Redis"),
        timeout=url_parts.seconds("timeout", parameters.get("timeout"), "Redis", least=SHORTEST_TIMEOUT),
        wait_replicas=url_parts.whole(
            "wait_replicas", parameters.get("wait_replicas", "0"), "Redis", least=0, most=MOST_REPLICAS
        ),
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
