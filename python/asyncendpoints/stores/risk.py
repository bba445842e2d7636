"""What may cost accepted jobs, and stores that can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that may cost accepted jobs."""

    what: str
    """What can happen, in a sentence."""
    remedy: str
    """What to do about it, in a sentence."""


@runtime_checkable
class Examinable(Protocol):
    """A store on a server of its own, which can be examined."""

    async def inspect(self) -> Mapping[str, str]:
        """Return what the server says of itself that concerns durability, by name."""
        ...

    async def risks(self) -> list[Risk]:
        """Return what may cost accepted jobs on this server as it is set up, the worst first."""
        ...

    async def fsck(self) -> list[str]:
        """Compare records and indexes with each other, and return what does not fit, one sentence each."""
        ...
