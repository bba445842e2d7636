"""Which store a URL names."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.stores.redis_url import SCHEMES as REDIS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import DatabaseUrl, Outbox

STORE_URL: Final = "ASYNCENDPOINTS_STORE_URL"
"""The environment variable that names the store where the application does not."""

_SQL: Final = {
    "sqlite": ("sqlite", None),
    "postgresql": ("postgresql", "asyncpg"),
    "postgres": ("postgresql", "asyncpg"),
    "mysql": ("mysql", "asyncmy"),
    "mariadb": ("mysql", "asyncmy"),
}
"""The SQL databases: for each scheme the extra that brings what it needs, and the driver where the URL names none."""


def open_store(store: DatabaseUrl | Store | None, namespace: str = "default") -> Store:
    """Return the store that a URL names.

    Args:
        store: A URL, an engine of SQLAlchemy's, a store, or None for the URL in `ASYNCENDPOINTS_STORE_URL`, without
            which it is `memory://`.
        namespace: Separates applications that share one store, where the URL names no namespace itself.

    Raises:
        ConfigurationError: The URL names no store that this release has, or a part of it cannot work.
    """
    if store is None:
        store = os.environ.get(STORE_URL) or "memory://"
    if not isinstance(store, str):
        if type(store).__module__.startswith("sqlalchemy."):
            from asyncendpoints.stores.sql.store import SqlStore

            return SqlStore(cast("Engine", store), namespace=namespace)
        return cast("Store", store)
    scheme = urlsplit(store).scheme.partition("+")[0]
    if store in {"memory://", "memory:"}:
        return MemoryStore()
    if scheme == "memory":
        raise ConfigurationError("the memory store's URL is memory:// and nothing else")
    if scheme in REDIS:
        from asyncendpoints.stores.redis import RedisStore

        return RedisStore(store, namespace=namespace)
    if scheme in _SQL:
        require_driver(store)
        from asyncendpoints.stores.sql.store import SqlStore

        return SqlStore(store, namespace=namespace)
    raise ConfigurationError(
        f"the store must be a URL such as redis://localhost or memory://, or an object that implements "
        f"asyncendpoints.stores.base.Store; {scheme or 'a text without a scheme'!r} names none"
    )


def open_outbox(outbox: DatabaseUrl | Outbox | None, namespace: str = "default") -> Outbox | None:
    """Return the outbox in a database, or None where there is to be none.

    Args:
        outbox: A URL, a SQLAlchemy engine, or an outbox.
        namespace: Separates applications that share one database, where the URL names no namespace itself.

    Raises:
        ConfigurationError: It names no SQL database that this release has, or SQLAlchemy is not installed.
    """
    if outbox is None:
        return None
    if importlib.util.find_spec("sqlalchemy") is None:
        raise ConfigurationError(
            "an outbox needs SQLAlchemy, which is not installed: pip install 'asyncendpoints[sqlite]'"
        )
    from asyncendpoints.stores.sql.outbox import open_outbox as opened

    return opened(outbox, namespace=namespace)


def require_driver(url: str) -> None:
    """Return if what the URL of a SQL database needs is installed.

    Raises:
        ConfigurationError: It is not; the message names the extra.
    """
    scheme, _, driver = urlsplit(url).scheme.partition("+")
    extra, usual = _SQL.get(scheme, ("sqlite", None))
    for module, name in (("sqlalchemy", "SQLAlchemy"), (driver or usual, driver or usual)):
        if module is not None and importlib.util.find_spec(module) is None:
            install = f"'asyncendpoints[{extra}]'" if module in {"sqlalchemy", usual} else module
            raise ConfigurationError(f"{scheme}:// needs {name}, which is not installed: pip install {install}")
