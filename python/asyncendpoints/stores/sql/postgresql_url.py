"""What the URL of a PostgreSQL database says: where the server is, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores import url_parts
from asyncendpoints.stores.sql.tables import schema_name, table_prefix
from asyncendpoints.stores.url_parts import TIMEOUT

if TYPE_CHECKING:
    from urllib.parse import SplitResult

PORT: Final = 5432
STATEMENT_TIMEOUT: Final = 10.0
"""Seconds that a statement may take, unless the URL says otherwise."""
SHORTEST_TIMEOUT: Final = 0.05
_DRIVERS: Final = ("asyncpg", "psycopg")
_TLS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_PARAMETERS: Final = ("namespace", "timeout", "connect_timeout", "prefix", "schema", "host", *_TLS)
_FORM: Final = "postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlAddress:
    """Where the server is, and how to use it."""

    driver: str = _DRIVERS[0]
    host: str = "localhost"
    """A name, an address, or the directory of a socket."""
    port: int = PORT
    user: str | None = None
    """None is whoever the driver takes: the system's user."""
    password: str | None = field(default=None, repr=False)
    database: str
    tls: tuple[tuple[str, str], ...] = ()
    """The parameters `sslmode`, `sslrootcert`, `sslcert` and `sslkey`, as libpq has them."""
    namespace: str | None = None
    """Separates applications; None leaves it to the settings."""
    timeout: float = STATEMENT_TIMEOUT
    """Seconds that a statement may take."""
    connect_timeout: float = TIMEOUT
    """Seconds that a connection may take to be made."""
    prefix: str | None = None
    """How the names of the tables begin; None leaves it to the settings."""
    schema: str | None = None
    """The schema that the tables are in; None leaves it to the settings."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"


def parse_postgresql_url(url: str) -> PostgresqlAddress:
    """Read a URL.

    Raises:
        ConfigurationError: It is no URL of a PostgreSQL database, or a part of it cannot work. The message never holds
            the password.
    """
    _, _, rest = url.partition("://")
    _, _, behind = rest.replace("?", "/").replace("#", "/").partition("/")
    if "@" in behind:
        raise ConfigurationError(
            "the password in the PostgreSQL URL must be percent-encoded: '/' as %2F, '?' as %3F, '#' as %23, '@' as %40"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What does not look like a port or a host may be half of a password.
        raise ConfigurationError(
            f"the host or port in the PostgreSQL URL cannot be read; its form is {_FORM}"
        ) from None
    database = unquote(parts.path)[1:]
    if not database or "/" in database or parts.fragment:
        raise ConfigurationError(f"the URL of a PostgreSQL database names one database: {_FORM}")
    given = url_parts.parameters(parts.query, _PARAMETERS, "PostgreSQL")
    prefix = given.get("prefix")
    return PostgresqlAddress(
        driver=_driver(parts.scheme),
        host=_host(parts, given.get("host")),
        port=port or PORT,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=database,
        tls=tuple((name, given[name]) for name in _TLS if name in given),
        namespace=url_parts.namespace(given.get("namespace"), "PostgreSQL"),
        timeout=url_parts.seconds(
            "timeout", given.get("timeout"), "PostgreSQL", least=SHORTEST_TIMEOUT, default=STATEMENT_TIMEOUT
        ),
        connect_timeout=url_parts.seconds(
            "connect_timeout", given.get("connect_timeout"), "PostgreSQL", least=SHORTEST_TIMEOUT
        ),
        prefix=None if prefix is None else table_prefix(prefix),
        schema=schema_name(given.get("schema")),
    )


def _driver(scheme: str) -> str:
    _, _, driver = scheme.partition("+")
    driver = driver or _DRIVERS[0]
    if driver not in _DRIVERS:
        raise ConfigurationError(f"the driver in the PostgreSQL URL must be one of {', '.join(_DRIVERS)}, not {driver}")
    return driver


def _host(parts: SplitResult, socket: str | None) -> str:
    if socket is None:
        return parts.hostname or "localhost"
    if parts.hostname or not socket.startswith("/"):
        raise ConfigurationError("host in the PostgreSQL URL is the directory of a socket, where the URL has no host")
    return socket
