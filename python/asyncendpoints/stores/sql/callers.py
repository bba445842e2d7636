"""The user's own transaction: his connection is used for a few statements, and everything else is left to him."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, TwoPhaseTransaction, false, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError, ResourceClosedError
from sqlalchemy.orm import Session, scoped_session

from asyncendpoints.errors import ConfigurationError, StoreUnavailable
from asyncendpoints.stores.sql.borrowing import borrowing_of
from asyncendpoints.stores.sql.dialect import Trouble
from asyncendpoints.stores.sql.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import MetaData, NestedTransaction

    from asyncendpoints.stores.outbox import DatabaseSession
    from asyncendpoints.stores.sql.borrowing import Identity
    from asyncendpoints.stores.sql.transaction import Ground

T = TypeVar("T")

_TRIES: Final = 3
"""How often something is done that others were in the way of."""
_TWO_PHASE: Final = "a two-phase transaction cannot carry a job: use a session without twophase=True"


class _Conflict(Exception):  # noqa: N818 (what has happened, not a mistake)
    """Somebody else was in the way."""


def identity(tx: Transaction) -> Identity:
    """Return the identity of the database of a transaction.

    Raises:
        ConfigurationError: No store uses such databases.
    """
    borrowing = borrowing_of(tx.connection.dialect.name)
    if borrowing is None:
        raise ConfigurationError(f"transactions of {tx.connection.dialect.name} cannot carry jobs")
    return borrowing.identity(tx.connection, tx.tables.jobs)


class CallersTransaction(Transaction):
    """A transaction that somebody else has begun, and will end."""

    def turn(self, name: str) -> None:
        """Do nothing: the turn would last until the user commits, and everybody else would wait for him."""


class Callers:
    """What is done in transactions of the user's.

    Args:
        ground: What a store's own transactions stand on.
        metadata: Returns the tables as the user knows them.
        identify: Returns the identity of the store's database, by a connection of its own; called anew where the one
            that is known does not fit.
    """

    def __init__(
        self, ground: Ground, metadata: Callable[[], MetaData], identify: Callable[[], Awaitable[Identity]]
    ) -> None:
        self._ground = ground
        self._metadata = metadata
        self._identify = identify
        self._identity: Identity | None = None
        jobs = ground.tables.jobs
        self._nothing = update(jobs).values(version=jobs.c.version).where(false())

    async def do(self, session: DatabaseSession, work: Callable[[Transaction], T]) -> T:
        """Do something in the transaction of a session, which stays open, and usable where the database allows it.

        Args:
            session: The user's.
            work: What to do; it returns something.

        Raises:
            ConfigurationError: The session cannot be used for it.
            StoreUnavailable: The database did not do it.
        """
        for _ in range(2):
            fresh = self._identity is None
            known = self._identity = self._identity or await self._identify()

            def in_its(target: Any, known: Identity = known) -> T | None:
                return self._in_its_transaction(self._connection_of(target), known, work)

            done = await _run(session, in_its)
            if done is not None:
                return done
            # The server may have been started anew since it was asked, which makes it another one.
            self._identity = None
            if fresh:
                break
        raise ConfigurationError(
            f"the session leads to another database than {self._ground.dialect.address}, where it would be neither "
            "found nor run: use a session of the same database"
        )

    def _in_its_transaction(
        self, connection: Connection, known: Identity, work: Callable[[Transaction], T]
    ) -> T | None:
        borrowing = borrowing_of(connection.dialect.name)
        if borrowing is None or borrowing is not borrowing_of(self._ground.dialect.name):
            return None
        dialect = self._ground.dialect
        try:
            if borrowing.identity(connection, self._ground.tables.jobs) != known:
                return None
            borrowing.begin(connection, self._nothing)
            for _ in range(_TRIES):
                with suppress(_Conflict):
                    return self._shielded(connection, work)
        except Exception as error:
            if isinstance(error, ConfigurationError) or dialect.trouble(error) is Trouble.CALL:
                raise
            raise dialect.explain(error) from error
        raise StoreUnavailable(
            "another transaction has stored a job with the same key, or is about to, which the session's transaction "
            "began too early to see: roll back and try again"
        )

    def _shielded(self, connection: Connection, work: Callable[[Transaction], T]) -> T:
        """Do it behind a savepoint, so that what fails leaves nothing behind, and all else as the user had it.

        Raises:
            _Conflict: Somebody else was in the way, and nothing was done.
        """
        savepoint = connection.begin_nested()
        try:
            answer = work(CallersTransaction(connection, self._ground))
        except Exception as error:
            trouble = self._ground.dialect.trouble(error)
            if trouble is not Trouble.LOST:
                self._back_to(savepoint, error)
            if trouble is Trouble.CONFLICT:
                raise _Conflict from error
            raise
        savepoint.commit()
        return answer

    def _back_to(self, savepoint: NestedTransaction, error: Exception) -> None:
        try:
            savepoint.rollback()
        except DBAPIError:
            # The database has ended the whole transaction, as MySQL does where two wait for each other.
            raise self._ground.dialect.explain(error) from error

    def _connection_of(self, target: Any) -> Connection:
        try:
            if isinstance(target, Session):
                if target.twophase:
                    raise ConfigurationError(_TWO_PHASE)
                # Where a session has several databases, what it takes for the store's tables is what is meant.
                jobs = self._metadata().tables[self._ground.tables.jobs.fullname]
                target = target.connection(bind_arguments={"clause": update(jobs).values(version=0)})
            if target.closed:
                raise ConfigurationError("the connection is closed: submit before it is")
            if isinstance(target.get_transaction(), TwoPhaseTransaction):
                raise ConfigurationError(_TWO_PHASE)
        except (InvalidRequestError, ResourceClosedError) as error:
            raise ConfigurationError(f"the session cannot carry a job: {error}") from error
        return target


async def _run(session: DatabaseSession, do: Callable[[Any], T]) -> T:
    if isinstance(session, Session | Connection):
        return do(session)
    if isinstance(session, scoped_session):
        return do(session())
    # What asynchronous sessions and connections have in common; importing their classes would need greenlet.
    run_sync: Any = getattr(session, "run_sync", None)
    if run_sync is None:
        raise ConfigurationError(
            "session= takes a SQLAlchemy AsyncSession, Session, AsyncConnection or Connection, not "
            f"{type(session).__name__}"
        )
    try:
        return await run_sync(do)
    except InvalidRequestError as error:
        raise ConfigurationError(f"the session cannot carry a job: {error}") from error
