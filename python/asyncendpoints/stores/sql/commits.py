"""Commits of connections that are the user's own: what they make visible is told once it can be seen.

SQLAlchemy says that a connection is about to commit, and not that it has committed. So from then on the store looks,
until it sees what was written, or gives up because it was not committed after all.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import event

from asyncendpoints.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

T = TypeVar("T")

PAUSES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between two looks for what a commit makes visible. After the last one it is left to the poll."""

_log = logging.getLogger(__name__)


class Commits(Generic[T]):
    """What was written in open transactions of the user's.

    Args:
        look: Looks whether it can be seen by now, and if so tells of it and returns True.
    """

    def __init__(self, look: Callable[[T], Awaitable[bool]]) -> None:
        self._look_for = look
        self._written: WeakKeyDictionary[Connection, list[tuple[asyncio.AbstractEventLoop, T]]] = WeakKeyDictionary()
        self._looking: set[asyncio.Task[None]] = set()

    def expect(self, connection: Connection, loop: asyncio.AbstractEventLoop, what: T) -> None:
        """Look for this on the loop once the connection's transaction is being committed."""
        written = self._written.get(connection)
        if written is None:
            written = self._written[connection] = []
            for name in ("commit", "commit_twophase"):
                event.listen(connection, name, self._committing)
            for name in ("rollback", "rollback_twophase"):
                event.listen(connection, name, self._rolled_back)
        written.append((loop, what))

    def _committing(self, connection: Connection, *_: Any) -> None:
        written, self._written[connection] = self._written.get(connection, []), []
        for loop, what in written:
            try:
                loop.call_soon_threadsafe(self._look, what)
            except RuntimeError:
                # The loop was closed before the commit: whoever works elsewhere looks by himself.
                if not loop.is_closed():
                    raise

    def _rolled_back(self, connection: Connection, *_: Any) -> None:
        self._written[connection] = []

    def _look(self, what: T) -> None:
        task = asyncio.get_running_loop().create_task(self._look_until_visible(what))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look_until_visible(self, what: T) -> None:
        try:
            for pause in PAUSES:
                if await self._look_for(what):
                    return
                await asyncio.sleep(pause)
        except StoreUnavailable as error:
            _log.debug("what was committed elsewhere is left to the next poll: %s", error)
