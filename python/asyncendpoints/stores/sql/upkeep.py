"""What is done to the tables of a store or an outbox without its being open."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from asyncendpoints.stores.sql import schema
from asyncendpoints.stores.sql.described import described
from asyncendpoints.stores.sql.lines import Line
from asyncendpoints.stores.versions import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import MetaData

    from asyncendpoints.stores.sql.transaction import Ground, News, Transaction
    from asyncendpoints.stores.versions import Migration, Versions

T = TypeVar("T")


class Upkeep:
    """The part of a store, or of an outbox, that concerns its tables. Its methods are those of `Migratable`."""

    _ground: Ground
    _described: MetaData | None = None

    @property
    def metadata(self) -> MetaData:
        """The tables, as this release needs them."""
        if self._described is None:
            self._described = described(self._ground.tables.metadata, self._ground.dialect.name)
        return self._described

    async def versions(self) -> Versions:
        """Return which version the tables have."""
        return await self._apart(schema.versions)

    async def migrate(self, to: str = HEAD) -> Migration:
        """Make the tables those of another version, while nobody else does."""
        return await self._apart(lambda tx: schema.migrate(tx, to))

    async def migration(self, to: str = HEAD) -> str:
        """Return the statements that `migrate` would execute."""
        return await self._apart(lambda tx: schema.migration(tx, to))

    async def _apart(self, do: Callable[[Transaction], T]) -> T:
        """Do something in a transaction that nothing else is joined to, on a connection that nobody else has."""
        ground = self._ground
        line = Line("asyncendpoints-migrates", ground.dialect.engine(writes=True), ground, _nobody_hears, writes=True)
        try:
            return await line.call(do)
        finally:
            await line.close()


def _nobody_hears(news: News) -> None:
    """Do nothing: what is done to tables changes no job."""
