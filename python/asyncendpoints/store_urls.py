"""Which store a URL names."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.stores.redis_url import SCHEMES as REDIS

if TYPE_CHECKING:
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import DatabaseUrl, Outbox

STORE_URL: Final = "ASYNCENDPOINTS_STORE_URL"
"""The environment variable that names the store where the application does not."""

_COMING: Final = frozenset({"postgresql", "postgres", "mysql", "mariadb"})


def open_store(store: str | Store | None, namespace: str = "default") -> Store:
    """Return the store that a URL names.

    Args:
        store: A URL, a store, or None for the URL in `ASYNCENDPOINTS_STORE_URL`, without which it is `memory://`.
        namespace: Separates applications that share one store, where the URL names no namespace itself.

    Raises:
        ConfigurationError: The URL names no store that this release has, or a part of it cannot work.
    """
    if store is None:
        store = os.environ.get(STORE_URL) or "memory://"
    if not isinstance(store, str):
        return store
    scheme = urlsplit(store).scheme.partition("+")[0]
    if store in {"memory://", "memory:"}:
        return MemoryStore()
    if scheme == "memory":
        raise ConfigurationError("the memory store's URL is memory:// and nothing else")
    if scheme in REDIS:
        from asyncendpoints.stores.redis import RedisStore

        return RedisStore(store, namespace=namespace)
    if scheme == "sqlite":
        return _sqlite(store, namespace)
    if scheme in _COMING:
        raise ConfigurationError(
            f"{scheme}:// stores are not in this release; it supports memory://, sqlite:///file.db, redis:// and "
            "objects that implement asyncendpoints.stores.base.Store"
        )
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


def _sqlite(url: str, namespace: str) -> Store:
    if importlib.util.find_spec("sqlalchemy") is None:
        raise ConfigurationError(
            "sqlite:// needs SQLAlchemy, which is not installed: pip install 'asyncendpoints[sqlite]'"
        )
    from asyncendpoints.stores.sql.store import SqlStore

    return SqlStore(url, namespace=namespace)
