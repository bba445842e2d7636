"""A rule that a store can be held to, and what came of holding it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.testing.clock import VirtualClock
from asyncendpoints.testing.conformance.subject import StoreFactory, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SENTENCE: Final = re.compile(r"(?P<number>[A-Z]{3}-\d+[ab]?): (?P<sentence>[A-Z`].*\.)", re.DOTALL)

Trait = Literal["lossless_wakeups", "renews_under_held_gil"]
"""The traits by which a store may declare that it does not promise a rule."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of holding a store to a rule that it did not break."""

    rule: ConformanceRule
    kept: bool
    """False where the store does not promise the rule, which was then not tried."""
    note: str
    """One line for a report."""


@dataclass(frozen=True, slots=True)
class ConformanceRule:
    """One sentence that is true of every store, and how to find out."""

    number: str
    """The rule's number in the documentation, such as `CLM-3`."""
    name: str
    """The name of the function that tries it; unique, and fit for a test's id."""
    sentence: str
    """What is true."""
    requires: Trait | None
    """The trait without which a store does not promise it."""
    body: Callable[[Subject], Awaitable[None]]

    async def check(self, make: StoreFactory, clock: VirtualClock | None = None) -> Finding:
        """Hold a store to this rule.

        Args:
            make: Returns a store with nothing in it, not opened yet; it is opened and closed here.
            clock: The clock to move; a new one by default.

        Returns:
            That the rule is kept, or that the store declares not to promise it.

        Raises:
            AssertionError: The store breaks the rule; the message says how.
        """
        store = make()
        if self.requires is not None and not getattr(store.traits, self.requires):
            note = f"{self.number} not promised by {store.traits.name} ({self.requires} is not among its traits)"
            return Finding(self, kept=False, note=note)
        async with Subject(store, make, clock or VirtualClock()) as subject:
            await self.body(subject)
        return Finding(self, kept=True, note=f"{self.number} kept by {store.traits.name}: {self.sentence}")

    def __str__(self) -> str:
        return self.name


def rule(*, requires: Trait | None = None) -> Callable[[Callable[[Subject], Awaitable[None]]], ConformanceRule]:
    """Make a rule of a function whose docstring is its number and sentence, `CLM-3: A job is never …`.

    Args:
        requires: The trait without which a store does not promise it.
    """

    def make(body: Callable[[Subject], Awaitable[None]]) -> ConformanceRule:
        name: str = getattr(body, "__name__", "")
        match = _SENTENCE.fullmatch((body.__doc__ or "").strip())
        if match is None:
            raise ConfigurationError(f"the docstring of {name!r} must read 'ABC-1: One sentence.'")
        return ConformanceRule(match["number"], name, match["sentence"], requires, body)

    return make


def same(what: str, actual: Any, expected: Any) -> None:
    """Complain unless the two are equal."""
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def holds(what: str, condition: bool) -> None:
    """Complain unless the condition holds; `what` is the sentence that should be true."""
    if not condition:
        raise AssertionError(f"not true: {what}")
