"""What an application may do with the tables in which its store, or its outbox, keeps jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.stores.versions import HEAD, Migratable

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from asyncendpoints.engine import Engine
    from asyncendpoints.stores.outbox import Outbox
    from asyncendpoints.stores.versions import Migration


class Database:
    """The part of `AsyncEndpoints` that concerns tables, where the store has any, or else the outbox."""

    engine: Engine

    @property
    def outbox(self) -> Outbox | None:
        """Where submissions of your own transactions wait for their way to the store; None where there is none."""
        return self.engine.outbox

    @property
    def tables(self) -> Migratable | None:
        """Whatever has tables: the store, or else the outbox; None where neither has."""
        for place in (self.engine.store, self.engine.outbox):
            if isinstance(place, Migratable):
                return place
        return None

    @property
    def metadata(self) -> MetaData:
        """The tables in which jobs are kept, for alembic's `target_metadata`; each access returns the same object.

        Raises:
            ConfigurationError: There are none.
        """
        if self.tables is None:
            raise ConfigurationError(
                f"the {self.engine.store.traits.name} store keeps jobs in no tables, so there is no metadata; SQL "
                "stores have some, and outboxes"
            )
        return self.tables.metadata

    async def migrate(self, to: str = HEAD) -> Migration | None:
        """Make the tables those of another version, while nobody else does; it need not be started.

        Args:
            to: A version, `head` for the one that this release needs, or `base`, which drops the tables with all jobs.

        Returns:
            The versions before and after; None where neither the store nor the outbox has tables.

        Raises:
            ConfigurationError: This release does not know the version, or that which the tables have.
            StoreUnavailable: The database cannot be used.
        """
        return None if self.tables is None else await self.tables.migrate(to)
