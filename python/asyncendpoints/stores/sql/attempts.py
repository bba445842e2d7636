"""A transaction, tried again where the database says so, and looked for where its commit was not answered."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Final, TypeVar

from asyncendpoints.stores.sql.dialect import Begun, Trouble
from asyncendpoints.stores.sql.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from asyncendpoints.stores.sql.dialect import Notice
    from asyncendpoints.stores.sql.transaction import Ground, News

T = TypeVar("T")

CONFLICTS: Final = 12
"""How often a transaction is done again that others were in the way of."""
FIRST_JITTER: Final = 0.002
LONGEST_JITTER: Final = 0.1
"""Seconds that a transaction which others were in the way of waits at most, so that they do not meet again."""
LOSSES: Final = 3
"""How often a transaction is done again whose connection was lost."""
FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.5
"""Seconds between two attempts to reach a server that was there a moment ago."""

_log = logging.getLogger(__name__)


class Attempts:
    """The transactions of one thread, one after the other.

    Args:
        engine: Leads to the database.
        ground: What the transactions stand on.
        writes: Whether they write.
    """

    def __init__(self, engine: Engine, ground: Ground, *, writes: bool) -> None:
        self._engine = engine
        self._ground = ground
        self._writes = writes

    def commit(self, do: Callable[[Transaction], T]) -> tuple[T, News]:
        """Do something in a transaction and commit it.

        Whatever was done before the commit is undone where the connection is lost, and done again with the next one,
        a few times, while the database's patience lasts. A commit that was not answered is looked for: it may have been
        done.

        Returns:
            The answer, and what is to be told.
        """
        conflicts, losses = 0, 0
        deadline = time.monotonic() + self._ground.dialect.patience
        while True:
            try:
                return self._once(do)
            except Exception as error:
                trouble = self._ground.dialect.trouble(error)
                if trouble is Trouble.CONFLICT and conflicts < CONFLICTS:
                    time.sleep(random.uniform(0.0, min(FIRST_JITTER * 2**conflicts, LONGEST_JITTER)))  # noqa: S311
                    conflicts += 1
                elif trouble is Trouble.LOST and losses < LOSSES and time.monotonic() < deadline:
                    losses += 1
                else:
                    raise

    def _once(self, do: Callable[[Transaction], T]) -> tuple[T, News]:
        dialect = self._ground.dialect
        with self._engine.connect() as connection:
            try:
                # What is not committed is rolled back when the connection is given back.
                transaction = connection.begin()
                begun = dialect.begin(connection) if self._writes else Begun()
                tx = Transaction(connection, self._ground, begun)
                answer = do(tx)
            except Exception as error:
                _give_up(connection, dialect.trouble(error))
                raise
            unanswered: Exception | None = None
            try:
                transaction.commit()
            except Exception as error:
                trouble = dialect.trouble(error)
                _give_up(connection, trouble)
                if trouble is not Trouble.LOST or begun.token is None:
                    raise
                unanswered = error
        if unanswered is not None and not self._was_committed(begun.token or "", unanswered):
            raise unanswered
        return answer, tx.news

    def _was_committed(self, token: str, lost: Exception) -> bool:
        """Look for a transaction whose commit was not answered, as long as the database's patience lasts."""
        dialect, pause = self._ground.dialect, FIRST_PAUSE
        deadline = time.monotonic() + dialect.patience
        while True:
            try:
                with self._engine.connect() as connection:
                    found = dialect.is_committed(connection, token)
                if found is not None:
                    return found
                if time.monotonic() + pause > deadline:
                    raise lost
            except Exception as error:
                if error is lost or dialect.trouble(error) is Trouble.CALL or time.monotonic() + pause > deadline:
                    raise lost from error
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def announce(self, notice: Notice) -> None:
        """Tell other processes, where the database can. It is a hint: one that cannot be given is none."""
        dialect = self._ground.dialect
        if not dialect.announces:
            return
        try:
            with self._engine.connect() as connection:
                dialect.announce(connection, self._ground.namespace, notice)
        except Exception as error:
            _log.debug("other processes were not told: %s", dialect.explain(error))


def _give_up(connection: Connection, trouble: Trouble) -> None:
    """Use a connection no more that is lost, or may be in the middle of something."""
    if trouble is Trouble.LOST and not connection.invalidated:
        connection.invalidate()
