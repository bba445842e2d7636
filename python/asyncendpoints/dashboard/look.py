"""What a view is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asyncendpoints.dashboard.history import History

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from asyncendpoints.dashboard.grants import Grant
    from asyncendpoints.dashboard.history import Past
    from asyncendpoints.engine import Engine
    from asyncendpoints.job import JobState
    from asyncendpoints.stores.base import StoreStats


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store's numbers and what processes have told, at one time."""

    stats: StoreStats
    past: Past

    @property
    def now(self) -> int:
        """The store's time (UTC milliseconds)."""
        return self.past.now

    def count(self, state: JobState, queue: str | None = None) -> int:
        """Return how many jobs are in a state, in one queue or in all."""
        counts = self.stats.counts
        some = counts.values() if queue is None else [counts.get(queue, {})]
        return sum(states.get(state, 0) for states in some)


class Source:
    """Where views get what they show.

    Args:
        engine: Whose jobs they are.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._history = History()

    async def snapshot(self) -> Snapshot:
        """Ask the store for its numbers.

        Raises:
            StoreUnavailable: It does not answer.
        """
        engine = self.engine
        stats = await engine.store.stats(now=engine.clock.store_now())
        return Snapshot(stats, await self._history.read(engine.store, engine.clock))


@dataclass(slots=True)
class Look:
    """A visitor's look at one page."""

    source: Source
    grant: Grant
    base: str
    """The relative way from the page to the dashboard's first page."""
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    """The parameters of the page's path."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those of its query, each once."""
    jobs_root: str | None = None
    """The path of the job routes, where they are installed and the visitor's application has them."""
    ask: Callable[[], Awaitable[Snapshot]] | None = None
    """Who is asked for the snapshot, where several looks share one."""
    _snapshot: Snapshot | None = None

    @property
    def engine(self) -> Engine:
        """Whose jobs they are."""
        return self.source.engine

    async def snapshot(self) -> Snapshot:
        """Return the snapshot of this look, which is one.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if self._snapshot is None:
            self._snapshot = await (self.ask or self.source.snapshot)()
        return self._snapshot


@dataclass(slots=True)
class Page:
    """What a view answers: a template and its values."""

    name: str
    """The template's name, for the page and for its live part alike."""
    title: str
    values: dict[str, Any]
    status: int = 200
    live: bool = True
    """Whether the live part goes on being told to whoever looks."""


class Missing(Exception):  # noqa: N818 (an answer, not a defect)
    """There is no such page, or what it is about is gone."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Moved(Exception):  # noqa: N818 (an answer, not a defect)
    """The page is somewhere else."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to
        """The way there from the dashboard's first page."""
