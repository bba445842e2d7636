"""What the URL of a MySQL or MariaDB database says: where the server is, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores import url_parts
from asyncendpoints.stores.sql.tables import table_prefix
from asyncendpoints.stores.url_parts import TIMEOUT

PORT: Final = 3306
_DRIVERS: Final = ("asyncmy", "aiomysql")
_PARAMETERS: Final = ("namespace", "timeout", "connect_timeout", "prefix", "unix_socket", "ssl", "ssl_ca")
_SSL: Final = ("verify", "off")
_FORM: Final = "mysql://user:password@host:3306/database"
STATEMENT_TIMEOUT: Final = 10.0
"""Seconds that a statement may take, unless the URL says otherwise."""
SHORTEST_TIMEOUT: Final = 1.0
"""Servers wait for locks in whole seconds."""
SHORTEST_CONNECT_TIMEOUT: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlAddress:
    """Where the server is, and how to use it."""

    driver: str = _DRIVERS[0]
    host: str = "localhost"
    port: int = PORT
    user: str = ""
    password: str = field(default="", repr=False)
    database: str
    unix_socket: str | None = None
    """Leads to a server on this machine, instead of host and port."""
    ssl: bool = False
    """Whether the connection is encrypted, and the server's certificate and name verified."""
    ssl_ca: str | None = None
    """The file of the authority that vouches for the server; None leaves it to the system's."""
    namespace: str | None = None
    """Separates applications; None leaves it to the settings."""
    timeout: float = STATEMENT_TIMEOUT
    """Seconds that a statement may take; half of them it may wait for a lock."""
    connect_timeout: float = TIMEOUT
    """Seconds that a connection may take to be made."""
    prefix: str | None = None
    """How the names of the tables begin; None leaves it to the settings."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        where = self.unix_socket or f"{host}:{self.port}"
        return f"{where}/{self.database}"


def parse_mysql_url(url: str) -> MysqlAddress:
    """Read a URL.

    Raises:
        ConfigurationError: It is no URL of a MySQL or MariaDB database, or a part of it cannot work. The message never
            holds the password.
    """
    _, _, rest = url.partition("://")
    _, _, behind = rest.replace("?", "/").replace("#", "/").partition("/")
    if "@" in behind:
        raise ConfigurationError(
            "the password in the MySQL URL must be percent-encoded: '/' as %2F, '?' as %3F, '#' as %23, '@' as %40"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What does not look like a port or a host may be half of a password.
        raise ConfigurationError(f"the host or port in the MySQL URL cannot be read; its form is {_FORM}") from None
    database = unquote(parts.path)[1:]
    if not database or "/" in database or parts.fragment:
        raise ConfigurationError(f"the URL of a MySQL or MariaDB database names one database: {_FORM}")
    given = url_parts.parameters(parts.query, _PARAMETERS, "MySQL")
    ssl = given.get("ssl", "verify" if "ssl_ca" in given else "off")
    if ssl not in _SSL:
        raise ConfigurationError(f"ssl in the MySQL URL must be verify or off, not {ssl!r}")
    prefix = given.get("prefix")
    return MysqlAddress(
        driver=_driver(parts.scheme),
        host=parts.hostname or "localhost",
        port=port or PORT,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database,
        unix_socket=given.get("unix_socket"),
        ssl=ssl == "verify",
        ssl_ca=given.get("ssl_ca"),
        namespace=url_parts.namespace(given.get("namespace"), "MySQL"),
        timeout=url_parts.seconds(
            "timeout", given.get("timeout"), "MySQL", least=SHORTEST_TIMEOUT, default=STATEMENT_TIMEOUT
        ),
        connect_timeout=url_parts.seconds(
            "connect_timeout", given.get("connect_timeout"), "MySQL", least=SHORTEST_CONNECT_TIMEOUT
        ),
        prefix=None if prefix is None else table_prefix(prefix),
    )


def _driver(scheme: str) -> str:
    driver = scheme.partition("+")[2] or _DRIVERS[0]
    if driver not in _DRIVERS:
        raise ConfigurationError(
            f"{driver!r} is no driver that asyncendpoints speaks to MySQL and MariaDB with; they are "
            f"{', '.join(_DRIVERS)}"
        )
    return driver
