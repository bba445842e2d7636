"""A thread with a connection of its own, which does what is asked of it in groups: one transaction for each.

The connection belongs to no event loop: a handler that blocks its loop must not do so inside a transaction, because
that would stop everybody else who writes, the renewal of its own lease included (LSE-3a). What is called while a
transaction is under way is joined into the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy.exc import DBAPIError

from asyncendpoints.errors import StoreRefused, StoreUnavailable
from asyncendpoints.stores.sql.attempts import Attempts
from asyncendpoints.stores.sql.crossing import crossing_to
from asyncendpoints.stores.sql.dialect import Trouble
from asyncendpoints.stores.sql.transaction import News, Transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from asyncendpoints.stores.sql.transaction import Ground

T = TypeVar("T")
Item = TypeVar("Item")
_Do: TypeAlias = Callable[[Transaction, Sequence[Any]], Sequence[Any]]
_Alone: TypeAlias = Callable[[Transaction, Sequence[Any]], "Sequence[Any] | None"]

PATIENCE: Final = 2.0
"""Seconds that a thread gets to end."""
TOGETHER: Final = 1_000
"""How many calls one transaction takes, so that other processes have their turn."""
_OF_ONE: Final = frozenset({Trouble.CALL, Trouble.CONFLICT})
"""What may be the trouble of some calls, and not of others in the same transaction."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Call:
    """Something to do, and who waits for it, if anybody."""

    items: Sequence[Any]
    do: _Do
    key: Hashable
    """Calls of one key are joined; None is joined with nothing."""
    future: asyncio.Future[Any] | None
    loop: asyncio.AbstractEventLoop | None
    alone: _Alone | None = None
    """How it is done in one statement that is a transaction by itself, if it can be."""


class Line:
    """Calls from any event loop, done one transaction after the other. The thread starts with the first.

    Args:
        name: The thread's.
        engine: Leads to the database.
        ground: What the transactions stand on.
        tell: Hears what has happened, after each commit.
        writes: Whether its transactions write.
    """

    def __init__(
        self, name: str, engine: Engine, ground: Ground, tell: Callable[[News], None], *, writes: bool
    ) -> None:
        self._name = name
        self._engine = engine
        self._ground = ground
        self._tell = tell
        self._writes = writes
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._calls: list[_Call] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    async def call(self, do: Callable[[Transaction], T], alone: Callable[[Transaction], T | None] | None = None) -> T:
        """Do something in a transaction, together with other calls.

        Args:
            do: Does it.
            alone: Does it in one statement, which is a transaction by itself where the database can; returns None where
                that is not to be done so, and may not have done anything then that `do` does not find.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[T]] = loop.create_future()
        self._add(_Call((None,), _one(do), None, future, loop, None if alone is None else _one_alone(alone)))
        return (await future)[0]

    async def join(
        self,
        key: Hashable,
        items: Sequence[Item],
        do: Callable[[Transaction, Sequence[Item]], Sequence[T]],
        alone: Callable[[Transaction, Sequence[Item]], Sequence[T] | None] | None = None,
    ) -> list[T]:
        """Do the same thing to items, together with those of other calls of the same key; one answer for each.

        The arguments are those of `call`.
        """
        if not items:
            return []
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[T]] = loop.create_future()
        self._add(_Call(items, do, key, future, loop, alone))
        return await future

    def leave(self, do: Callable[[Transaction], object]) -> None:
        """Do something for whose answer nobody waits."""
        self._add(_Call((None,), _one(do), None, None, None))

    def _add(self, call: _Call) -> None:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed; open it again to go on")
            self._calls.append(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
        self._bell.set()

    async def close(self) -> None:
        """Finish what was called, let go of the connection, and refuse every further call. Idempotent."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._bell.set()
        if thread is not None:
            await asyncio.to_thread(thread.join, PATIENCE)

    # In the thread.

    def _serve(self) -> None:
        crossing = crossing_to(self._engine)
        attempts = Attempts(self._engine, self._ground, writes=self._writes)
        is_closed = False
        while not is_closed:
            self._bell.wait()
            self._bell.clear()
            with self._lock:
                calls, self._calls = self._calls, []
                is_closed = self._closed
            if calls:
                crossing.run(lambda calls=calls: self._in_turn(attempts, calls))
        crossing.run(self._engine.dispose)
        crossing.close()

    def _in_turn(self, attempts: Attempts, calls: Sequence[_Call]) -> None:
        for start in range(0, len(calls), TOGETHER):
            self._together(attempts, calls[start : start + TOGETHER])

    def _together(self, attempts: Attempts, calls: Sequence[_Call]) -> None:
        groups = _joined(calls)
        if self._ground.dialect.singly is None or any(group[0].alone is None for group in groups):
            self._do(attempts, calls, lambda: attempts.commit(lambda tx: _answers(tx, groups)))
            return
        for group in groups:
            self._do(attempts, group, lambda group=group: _alone_or_not(attempts, group))

    def _do(
        self,
        attempts: Attempts,
        calls: Sequence[_Call],
        commit: Callable[[], tuple[list[tuple[_Call, Any]], News]],
    ) -> None:
        try:
            answers, news = commit()
        except Exception as error:  # whatever a call's values have caused belongs to whoever made the call
            trouble = self._ground.dialect.trouble(error)
            if trouble in _OF_ONE and len(calls) > 1:
                # Each in a transaction of its own, so that one that fails fails alone, and one that others are in the
                # way of is in nobody's way itself while it waits.
                for call in calls:
                    self._together(attempts, [call])
            elif trouble is Trouble.CALL:
                _deliver([(calls[0], _refusal(error))])
            else:
                explained = self._ground.dialect.explain(error)
                _deliver([(call, explained) for call in calls])
        else:
            # Whoever is told looks again, and whoever waits for an answer gets it: in this order nobody acts on an
            # answer before the news of it are out.
            self._tell(news)
            _deliver(answers)
            notice = news.notice()
            if notice is not None:
                attempts.announce(notice)


def _answers(tx: Transaction, groups: Sequence[list[_Call]]) -> list[tuple[_Call, Any]]:
    answers: list[tuple[_Call, Any]] = []
    for group in groups:
        answers += _shared_out(group, group[0].do(tx, _items(group)))
    return answers


def _alone_or_not(attempts: Attempts, group: list[_Call]) -> tuple[list[tuple[_Call, Any]], News]:
    """Do calls of one key in one statement, or where that is not to be, in a transaction."""
    alone = group[0].alone
    done = None if alone is None else attempts.alone(lambda tx: alone(tx, _items(group)))
    if done is None:
        return attempts.commit(lambda tx: _answers(tx, [group]))
    found, news = done
    return _shared_out(group, found), news


def _items(group: Sequence[_Call]) -> Sequence[Any]:
    return group[0].items if len(group) == 1 else [item for call in group for item in call.items]


def _shared_out(group: Sequence[_Call], answers: Sequence[Any]) -> list[tuple[_Call, Any]]:
    found = iter(answers)
    return [(call, [next(found) for _ in call.items]) for call in group]


def _refusal(error: Exception) -> Exception:
    """Return the error of a call whose own values are the reason."""
    if not isinstance(error, DBAPIError):
        return error
    refused = StoreRefused(f"the database cannot hold a value of this call: {error.orig}")
    refused.__cause__ = error
    return refused


def _one(do: Callable[[Transaction], Any]) -> _Do:
    return lambda tx, _: (do(tx),)


def _one_alone(do: Callable[[Transaction], Any]) -> _Alone:
    def one(tx: Transaction, _: Sequence[Any]) -> Sequence[Any] | None:
        answer = do(tx)
        return None if answer is None else (answer,)

    return one


def _joined(calls: Sequence[_Call]) -> list[list[_Call]]:
    """Return the calls in groups that are done as one, each where its first was called."""
    groups: list[list[_Call]] = []
    by_key: dict[Hashable, list[_Call]] = {}
    for call in calls:
        group = by_key.get(call.key) if call.key is not None else None
        if group is None:
            groups.append(group := [])
            by_key[call.key] = group
        group.append(call)
    return groups


def _deliver(answers: Sequence[tuple[_Call, Any]]) -> None:
    """Hand answers over, with one wake-up for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for call, answer in answers:
        if call.future is not None and call.loop is not None:
            by_loop.setdefault(call.loop, []).append((call.future, answer))
        elif isinstance(answer, Exception):
            _log.warning("a write whose answer nobody awaits failed: %s", answer)
    for loop, found in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set, found)
        except RuntimeError:
            # The loop was closed with the call unfinished: nobody is left to be answered.
            if not loop.is_closed():
                raise


def _set(found: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, answer in found:
        # Whoever gave up waiting is not told.
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
