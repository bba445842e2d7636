"""What differs between databases, as the rest of the store asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, CursorResult, Engine, Executable, Table
    from sqlalchemy.types import TypeEngine

    from asyncendpoints.errors import StoreUnavailable


class Trouble(Enum):
    """What an error says of doing the same again."""

    CALL = auto()
    """A value of one call is the reason: the others may go on without it."""
    CONFLICT = auto()
    """Somebody else was in the way, and nothing was done: done again it may well work."""
    LOST = auto()
    """The connection has gone. What was under way was not done, unless the commit itself was under way."""
    DATABASE = auto()
    """Any other call would have met with the same."""


class Overtaken(Exception):  # noqa: N818 (what has happened, not a mistake)
    """A row was not as it had been read in the same transaction: somebody else was in the way."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known when a transaction that writes has begun."""

    now: int | None = None
    """The time by the database's clock in UTC milliseconds, where it has come for nothing."""
    token: str | None = None
    """What `Dialect.is_committed` knows the transaction by."""


@dataclass(frozen=True, slots=True)
class Each:
    """A statement that is executed for many rows of values at once."""

    statement: Executable
    names: tuple[str, ...]
    """The values that each row has for itself; all the others of the statement are the same for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What processes tell each other. It is a hint: whoever misses it finds out by looking."""

    queues: tuple[str, ...] = ()
    """Where something is claimable, or due earlier than before."""
    cancels: tuple[tuple[str, str, int], ...] = ()
    """`(worker, job_id, fence)` of runs whose cancellation was asked for."""


class Until:
    """Tells a thread that it is to stop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told = Event()
        self._call: Callable[[], object] | None = None

    def set(self) -> None:
        """Tell it."""
        with self._lock:
            self._told.set()
            if self._call is not None:
                self._call()

    def is_set(self) -> bool:
        """Whether it was told."""
        return self._told.is_set()

    def wait(self, seconds: float) -> None:
        """Wait until it is told, or so long."""
        self._told.wait(seconds)

    def call(self, wake: Callable[[], object] | None) -> None:
        """Have something called when it is told, at once where it was; nothing more, where it is None."""
        with self._lock:
            self._call = wake
            if wake is not None and self._told.is_set():
                wake()


class Singly(Protocol):
    """How one statement is a transaction by itself, for what is asked for most often.

    It has one way to the server instead of four. Nobody knows what became of it where the connection is lost before the
    answer, so whatever is done so can be done again, or be found.
    """

    moment: ColumnElement[int]
    """The time in UTC milliseconds: the parameter `now`, or the database's where that is null."""

    def ask_each(
        self, connection: Connection, each: Each, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
    ) -> CursorResult[Any]:
        """Execute a statement about rows, given as a list of values for each name."""
        ...

    def served_by(self, connection: Connection) -> str:
        """Return what `end` knows the server's side of a connection by."""
        ...

    def end(self, connection: Connection, served_by: str) -> bool:
        """End the server's side of a connection that was lost; tell whether it is over, and all that it was at."""
        ...


class Dialect(Protocol):
    """A database, and the driver that leads to it. It holds no connection."""

    name: str
    """One word: `sqlite`, `postgresql`, …"""
    address: str
    """Where the database is, without a password."""
    durability: str
    """What an accepted job survives, in a sentence."""
    looks_first: bool
    """Whether it is cheaper to look whether rows are there already than to find out by adding them."""
    locks: bool
    """Whether several transactions write at the same time, so that rows are locked and skipped."""
    has_index_of_waiting: bool
    """Whether the index from which jobs are taken has no others than those that wait."""
    claims_in_one: bool
    """Whether jobs are claimed in one statement, which finds, locks and writes them."""
    singly: Singly | None
    """How one statement is a transaction by itself, where that is cheaper."""
    clock: Executable
    """Selects the time in UTC milliseconds."""
    announces: bool
    """Whether processes can tell each other by `announce`, and hear by `listen`."""
    patience: float
    """Seconds during which a commit whose connection was lost is looked for."""

    def engine(self, *, writes: bool) -> Engine:
        """Make an engine with one connection at most. Nothing is opened before the first use."""
        ...

    # How a statement says that it concerns many.

    def among(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Return that a row is of this namespace, and the column's value in the list of this parameter."""
        ...

    def pack(self, values: Sequence[str]) -> Any:
        """Return a list as the parameter that `among` compares with."""
        ...

    def each(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return a statement for many rows, made of the values that each has for itself, and of the namespace, `ns`."""
        ...

    def each_at(self, make: Callable[[Mapping[str, ColumnElement[Any]]], Executable], **types: TypeEngine[Any]) -> Each:
        """Return the same for a statement that is also made of the time, `now`: a parameter.

        Where one statement may be a transaction by itself, the database's own time takes the place of null.
        """
        ...

    def adding(self, table: Table, names: Sequence[str]) -> Each:
        """Return the statement that adds rows with values in these columns, but none whose keys are there already."""
        ...

    def run_each(self, connection: Connection, each: Each, rows: Sequence[Mapping[str, Any]], same: Any) -> int:
        """Execute a statement for rows of values, and return how many rows of the table were written.

        Args:
            connection: In a transaction.
            each: The statement.
            rows: At least one.
            same: A mapping with the values that are the same for all.
        """
        ...

    # Transactions.

    def begin(self, connection: Connection) -> Begun:
        """Do what a transaction that writes begins with."""
        ...

    def is_committed(self, connection: Connection, token: str) -> bool | None:
        """Tell whether the transaction was committed during whose commit the connection was lost.

        None: the database is still at it.
        """
        ...

    def turn(self, connection: Connection, name: str) -> None:
        """Wait until no other transaction that has asked for this turn is under way; the turn ends with this one."""
        ...

    def restructure(self, connection: Connection) -> None:
        """Hear that this transaction changes tables, maybe also such that the dialect itself writes to."""
        ...

    def announce(self, connection: Connection, namespace: str, notice: Notice) -> None:
        """Tell other processes."""
        ...

    def listen(self, connection: Connection, namespace: str, hear: Callable[[Notice], None], until: Until) -> None:
        """Hear what other processes announce, until told to stop or the connection is lost, which raises."""
        ...

    # Errors.

    def trouble(self, error: Exception) -> Trouble:
        """Return what an error says of doing the same again."""
        ...

    def explain(self, error: Exception) -> StoreUnavailable:
        """Return in a sentence why the database did not do its work."""
        ...
