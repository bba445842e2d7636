"""What a SQL store can tell of its database: what an accepted job survives there, and whether the rows are sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asyncendpoints.stores.sql.durability import INSPECTIONS, durability, risks
from asyncendpoints.stores.sql.filesystem import file_system_of
from asyncendpoints.stores.sql.fsck import find_damage
from asyncendpoints.stores.sql.life import SqlLife

if TYPE_CHECKING:
    from asyncendpoints.stores.risk import Risk
    from asyncendpoints.stores.sql.transaction import Transaction


class SqlExamination(SqlLife):
    """The part of the SQL store that examines its database."""

    async def open(self) -> None:
        """Connect, set up an empty database, and find out what it does for accepted jobs; see `SqlLife.open`."""
        await super().open()
        try:
            await self.inspect()
        except BaseException:
            await self.close()
            raise

    async def inspect(self) -> dict[str, str]:
        """Return what the database says of itself that concerns durability, by name."""
        # By the connection that writes, because some of it is a connection's own.
        facts = await self._writes.call(_facts)
        if self._traits.name == "sqlite":
            system = file_system_of(Path(self._traits.address))
            if system is not None:
                facts["file_system"] = system
        self._traits = replace(self._traits, durability=durability(facts))
        return facts

    async def risks(self) -> list[Risk]:
        """Return what may cost accepted jobs in this database as it is set up, the worst first."""
        return risks(await self.inspect())

    async def fsck(self) -> list[str]:
        """Compare rows with each other, and return what does not fit, one sentence each.

        Jobs may come and go meanwhile: what is found twice in a row is damage.
        """
        found = await find_damage(self._looks.call)
        if found:
            again = frozenset(await find_damage(self._looks.call))
            found = [finding for finding in found if finding in again]
        return found


def _facts(tx: Transaction) -> dict[str, str]:
    return INSPECTIONS[tx.connection.dialect.name](tx.connection, tx.tables.jobs)
