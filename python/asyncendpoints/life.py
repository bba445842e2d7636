"""The life of an application's engine where no application leads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from asyncendpoints.engine import Engine


class Life:
    """The part of `AsyncEndpoints` for scripts: starting and stopping."""

    engine: Engine

    async def start(self, *, worker: bool | None = None) -> None:
        """Start on the running event loop: for scripts; an installed application starts by its lifespan.

        Args:
            worker: Whether this process runs jobs; None is what the setting says.

        Raises:
            ConfigurationError: It is already started.
            StoreUnavailable: The store does not answer.
        """
        await self.engine.start(worker=worker)

    async def stop(self, *, grace: float | None = None) -> None:
        """Drain and end; it can be started again.

        Args:
            grace: Seconds that running handlers get to end; None is the setting `shutdown_grace`.
        """
        await self.engine.stop(grace)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # An error is on its way out: whoever raised it should not wait for other work to end.
        await self.stop(grace=None if error is None else 0.0)
