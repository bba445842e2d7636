"""The MariaDB store agrees with the pure model, and with the memory store, after every step of every walk.

The default is a twentieth of the memory store's walks; `STATEFUL=deep` walks as often as the memory store does by
default.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.stores.sql.store import SqlStore
from asyncendpoints.testing.stateful import StoreMachine
from asyncendpoints.testing.stateful.comparison import has_ended
from tests.support.twin_store import TwinStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncendpoints.stores.base import Store

DEEP = settings(
    max_examples=500,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILES = {"ci": settings(DEEP, max_examples=25), "deep": DEEP}
_EVERYTHING = st.just(1_000)


class OnMariadb:
    """Where the walks take place: Hypothesis makes the machines, so it cannot be handed to them."""

    url: str


@pytest.fixture(scope="module", autouse=True)
def _on_mariadb(mariadb_url: str) -> Iterator[None]:
    OnMariadb.url = mariadb_url
    yield
    del OnMariadb.url


def _store() -> SqlStore:
    return SqlStore(OnMariadb.url, namespace=secrets.token_hex(8))


class MariadbWalk(StoreMachine):
    """A walk over the MariaDB store."""

    @staticmethod
    def make() -> Store:
        """Return a MariaDB store in a new namespace."""
        return _store()


class DifferentialWalk(StoreMachine):
    """A walk over the memory and the MariaDB store at once: every answer of one is the other's."""

    @staticmethod
    def make() -> Store:
        """Return two stores that answer alike."""
        return cast("Store", TwinStore(MemoryStore(), _store()))

    # Which of many a sweep takes first is a store's own choice, so here it takes them all.

    @precondition(has_ended)
    @rule(limit=_EVERYTHING)
    def strip(self, limit: int) -> None:
        """Strip everything that is past its retention."""
        super().strip(limit)

    @precondition(has_ended)
    @rule(limit=_EVERYTHING)
    def prune(self, limit: int) -> None:
        """Prune everything that nothing keeps."""
        super().prune(limit)


class TestTheMariadbStoreIsItsModel(MariadbWalk.TestCase):
    """Whatever is done to the MariaDB store, in whatever order: it answers as the model does."""

    settings = PROFILES[os.environ.get("STATEFUL", "ci")]


class TestTheMariadbStoreAnswersAsTheMemoryStoreDoes(DifferentialWalk.TestCase):
    """Whatever is done to both stores, in whatever order: their answers and their jobs are equal."""

    settings = PROFILES[os.environ.get("STATEFUL", "ci")]
