"""Which store a URL names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.memory import MemoryStore

if TYPE_CHECKING:
    from asyncendpoints.stores.base import Store

STORE_URL: Final = "ASYNCENDPOINTS_STORE_URL"
"""The environment variable that names the store where the application does not."""

_COMING: Final = frozenset({"sqlite", "postgresql", "postgres", "mysql", "mariadb", "redis", "rediss"})


def open_store(store: str | Store | None) -> Store:
    """Return the store that a URL names.

    Args:
        store: A URL, a store, or None for the URL in `ASYNCENDPOINTS_STORE_URL`, without which it is `memory://`.

    Raises:
        ConfigurationError: The URL names no store that this release has.
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
    if scheme in _COMING:
        raise ConfigurationError(
            f"{scheme}:// stores are not in this release; it supports memory:// and objects that implement "
            "asyncendpoints.stores.base.Store"
        )
    raise ConfigurationError(
        f"the store must be a URL such as memory://, or an object that implements "
        f"asyncendpoints.stores.base.Store; {scheme or 'a text without a scheme'!r} names none"
    )
