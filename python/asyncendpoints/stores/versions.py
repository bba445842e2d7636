"""Stores whose jobs are in tables that have versions, and can be taken from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sqlalchemy import MetaData

BASE: Final = "base"
"""The version of a database without the tables."""
HEAD: Final = "head"
"""The version that this release needs, whichever it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Which version the tables have, and which this release needs."""

    found: str | None
    """None where nothing is set up yet."""
    needed: str

    @property
    def fit(self) -> bool:
        """Whether they are the same."""
        return self.found == self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What was done to the tables."""

    before: str | None
    """Their version before; None where there were none."""
    after: str | None
    """Their version now; None where there are none."""


@runtime_checkable
class Migratable(Protocol):
    """A store whose tables have versions. None of these wants it to be open."""

    @property
    def metadata(self) -> MetaData:
        """The tables, as this release needs them."""
        ...

    async def versions(self) -> Versions:
        """Return which version the tables have.

        Raises:
            StoreUnavailable: The database cannot be used.
        """
        ...

    async def migrate(self, to: str = HEAD) -> Migration:
        """Make the tables those of another version, while nobody else does.

        Args:
            to: A version, `head` or `base`, which drops the tables with all jobs.

        Raises:
            ConfigurationError: This release does not know the version, or that which the tables have.
            StoreUnavailable: The database cannot be used.
        """
        ...

    async def migration(self, to: str = HEAD) -> str:
        """Return the statements that `migrate` would execute.

        Args:
            to: As for `migrate`.

        Raises:
            ConfigurationError: As for `migrate`.
            StoreUnavailable: The database cannot be used.
        """
        ...
