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
        # Whether a statement that nobody answered may have done what is done next.
        self._repeats = False

    def alone(self, do: Callable[[Transaction], T | None]) -> tuple[T, News] | None:
        """Do something in one statement, which is a transaction by itself.

        Where its connection is lost, the server's side of it is ended before anything else is done, so that what it has
        done can be seen.

        Returns:
            The answer, and what is to be told; None where it is to be done in a transaction, because `do` says so, or
            somebody was in the way, or nobody answered.
        """
        singly = self._ground.dialect.singly
        if singly is None:
            return None
        served_by = ""
        try:
            with self._engine.connect() as made:
                try:
                    connection = made.execution_options(isolation_level="AUTOCOMMIT")
                    served_by = singly.served_by(connection)
                    tx = Transaction(connection, self._ground)
                    answer = do(tx)
                except Exception as error:
                    _give_up(made, self._ground.dialect.trouble(error))
                    raise
            return None if answer is None else (answer, tx.news)
        except Exception as error:
            trouble = self._ground.dialect.trouble(error)
            if trouble is Trouble.DATABASE:
                raise
            if trouble is Trouble.LOST and served_by:
                self._repeats = True
                self._insist(lambda connection: singly.end(connection, served_by) or None, error)
            return None

    def commit(self, do: Callable[[Transaction], T]) -> tuple[T, News]:
        """Do something in a transaction and commit it.

        Whatever was done before the commit is undone where the connection is lost, and done again with the next one,
        a few times, while the database's patience lasts. A commit that was not answered is looked for: it may have been
        done.

        Returns:
            The answer, and what is to be told.
        """
        repeats, self._repeats = self._repeats, False
        conflicts, losses = 0, 0
        deadline = time.monotonic() + self._ground.dialect.patience
        while True:
            try:
                return self._once(do, repeats=repeats)
            except Exception as error:
                trouble = self._ground.dialect.trouble(error)
                if trouble is Trouble.CONFLICT and conflicts < CONFLICTS:
                    time.sleep(random.uniform(0.0, min(FIRST_JITTER * 2**conflicts, LONGEST_JITTER)))  # noqa: S311
                    conflicts += 1
                elif trouble is Trouble.LOST and losses < LOSSES and time.monotonic() < deadline:
                    losses += 1
                else:
                    raise

    def _once(self, do: Callable[[Transaction], T], *, repeats: bool) -> tuple[T, News]:
        dialect = self._ground.dialect
        with self._engine.connect() as connection:
            try:
                # What is not committed is rolled back when the connection is given back.
                transaction = connection.begin()
                begun = dialect.begin(connection) if self._writes else Begun()
                tx = Transaction(connection, self._ground, begun, repeats=repeats)
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
        if unanswered is not None:
            token = begun.token or ""
            if not self._insist(lambda connection: dialect.is_committed(connection, token), unanswered):
                raise unanswered
        return answer, tx.news

    def _insist(self, ask: Callable[[Connection], bool | None], lost: Exception) -> bool:
        """Ask the database what became of a lost connection until it says so, as long as its patience lasts.

        Raises:
            Exception: What the connection was lost by, where it does not.
        """
        dialect, pause = self._ground.dialect, FIRST_PAUSE
        deadline = time.monotonic() + dialect.patience
        while True:
            try:
                with self._engine.connect() as connection:
                    found = ask(connection)
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
