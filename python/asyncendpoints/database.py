"""What an application may do with the tables in which its store keeps jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.versions import HEAD, Migratable

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from asyncendpoints.engine import Engine
    from asyncendpoints.stores.versions import Migration


class Database:
    """The part of `AsyncEndpoints` that concerns the store's tables, where it has any."""

    engine: Engine

    @property
    def metadata(self) -> MetaData:
        """The tables in which jobs are kept, for alembic's `target_metadata`; each access returns the same object.

        Raises:
            ConfigurationError: The store has no tables.
        """
        store = self.engine.store
        if not isinstance(store, Migratable):
            raise ConfigurationError(
                f"the {store.traits.name} store keeps jobs in no tables, so it has no metadata; SQL stores have"
            )
        return store.metadata

    async def migrate(self, to: str = HEAD) -> Migration | None:
        """Make the store's tables those of another version, while nobody else does; it need not be started.

        Args:
            to: A version, `head` for the one that this release needs, or `base`, which drops the tables with all jobs.

        Returns:
            The versions before and after; None where the store has no tables, and so nothing to migrate.

        Raises:
            ConfigurationError: This release does not know the version, or that which the tables have.
            StoreUnavailable: The database cannot be used.
        """
        store = self.engine.store
        return await store.migrate(to) if isinstance(store, Migratable) else None
