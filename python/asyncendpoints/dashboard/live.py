"""Pages that change while they are looked at: one poller for all visitors of a process, only while somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from starlette.responses import Response

from asyncendpoints.dashboard.costs import Counted
from asyncendpoints.dashboard.look import Missing, Moved
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.http.capture import ClientGone
from asyncendpoints.http.events import PING_EVERY, event
from asyncendpoints.http.waiting import while_there

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Hashable, Iterable

    from starlette.types import Receive, Scope, Send

    from asyncendpoints.dashboard.look import Look, Page, Snapshot
    from asyncendpoints.engine import Engine

    View: TypeAlias = Callable[[Look], Awaitable[Page]]
    Render: TypeAlias = Callable[[Page, Look], str]

EVERY: Final = 2.0
"""Seconds between two rounds of the poller, at least."""
LONGEST: Final = 30.0
"""Seconds between two rounds, at most."""
SHARE: Final = 0.015
"""What part of the event loop's time rounds may take: where they take longer, they become rarer."""
SHARE_OF_STORE: Final = 0.2
"""What part of the time the store may be kept busy with them."""
LIFE: Final = 300.0
"""Seconds after which a stream ends, so that its visitor is asked again who they are."""
MOST: Final = 200
"""How many streams a process serves at once."""

_BLINK: Final = 0.5
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Topic:
    """A page that somebody looks at, for all who look at the same one."""

    view: View
    look: Look
    watchers: int = 0
    version: int = 0
    name: bytes = b""
    """What is told last: `live`, `trouble` or `end`."""
    data: bytes = b""
    has_ended: bool = False
    waiting: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])

    def tell(self, name: bytes, data: bytes) -> None:
        """Tell everybody who looks, unless it is what they know."""
        if (name, data) == (self.name, self.data):
            return
        self.version += 1
        self.name, self.data = name, data
        self._wake()

    def end(self) -> None:
        """Tell everybody that nothing more comes."""
        self.has_ended = True
        self._wake()

    def _wake(self) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()

    async def news(self, seen: int, seconds: float) -> bool:
        """Wait until there is something newer than the version seen, or the end; return whether there is."""
        if self.version > seen or self.has_ended:
            return True
        future = asyncio.get_running_loop().create_future()
        self.waiting.add(future)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(future, seconds)
        self.waiting.discard(future)
        return self.version > seen or self.has_ended


class Poller:
    """Looks at pages again and again while somebody does; of one event loop."""

    def __init__(self, engine: Engine, render: Render) -> None:
        self._engine = engine
        self._render = render
        self._topics: dict[Hashable, Topic] = {}
        self._task: asyncio.Task[None] | None = None
        self.streams = 0

    @property
    def is_running(self) -> bool:
        """Whether somebody looks."""
        return self._task is not None and not self._task.done()

    @property
    def has_room(self) -> bool:
        """Whether one more may look."""
        return self.streams < MOST

    @contextlib.contextmanager
    def looking(self, key: Hashable, view: View, look: Look) -> Generator[Topic]:
        """Look along; the last one who leaves ends it."""
        topic = self._topics.get(key)
        if topic is None or topic.has_ended:
            topic = self._topics[key] = Topic(view, look)
        topic.watchers += 1
        self.streams += 1
        if not self.is_running:
            self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield topic
        finally:
            self.streams -= 1
            topic.watchers -= 1
            if not topic.watchers and self._topics.get(key) is topic:
                del self._topics[key]

    async def _run(self) -> None:
        try:
            while self._topics and not self._engine.draining:
                begun = time.monotonic()
                work = Counted(self._round())
                await work
                took = time.monotonic() - begun
                await self._rest(min(max(EVERY, work.seconds / SHARE, took / SHARE_OF_STORE), LONGEST))
        finally:
            for topic in self._topics.values():
                topic.end()

    async def _rest(self, seconds: float) -> None:
        # A drain is not to wait for the next round; neither is somebody who has just come.
        until = time.monotonic() + seconds
        while self._topics and not self._engine.draining and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110 (looked for now and then: nobody is told of a drain)
            await asyncio.sleep(min(left, _BLINK))

    async def _round(self) -> None:
        snapshot: Snapshot | None = None

        async def ask() -> Snapshot:
            # One look after the other, so that nobody else asks meanwhile.
            nonlocal snapshot
            if snapshot is None:
                snapshot = await topic.look.source.snapshot()
            return snapshot

        for key, topic in tuple(self._topics.items()):
            if not topic.watchers or topic.has_ended:
                continue
            if not await self._look(topic, replace(topic.look, ask=ask)):
                topic.end()
                if self._topics.get(key) is topic:
                    del self._topics[key]
            # A render computes; others have their turn.
            await asyncio.sleep(0)

    async def _look(self, topic: Topic, look: Look) -> bool:
        """Look once, and return whether to go on."""
        try:
            page = await topic.view(look)
            topic.tell(b"live", self._render(page, look).encode("utf-8", "replace"))
        except StoreUnavailable:
            topic.tell(b"trouble", b"The store does not answer.")
            return True
        except (Missing, Moved):
            topic.tell(b"end", b"This is gone.")
            return False
        except Exception:  # a view's defect must end its own streams alone, and be seen
            _log.exception("a page of the dashboard can no longer be told live")
            topic.tell(b"trouble", b"This page can no longer be told live.")
            return False
        return page.live


class Live:
    """The pollers of a dashboard: one for each event loop that serves it."""

    def __init__(self, engine: Engine, render: Render) -> None:
        self._engine = engine
        self._render = render
        self._pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = WeakKeyDictionary()

    @property
    def poller(self) -> Poller:
        """The poller of the running event loop."""
        loop = asyncio.get_running_loop()
        poller = self._pollers.get(loop)
        if poller is None:
            poller = self._pollers[loop] = Poller(self._engine, self._render)
        return poller


class LiveStream(Response):
    """The stream of a page's live part; it ends with what it is about, at a drain, or after a while.

    Args:
        engine: Whose jobs they are.
        poller: Who looks.
        key: What tells this page from others.
        view: The page's view.
        look: The visitor's look.
        headers: Further headers.
    """

    def __init__(
        self,
        engine: Engine,
        poller: Poller,
        key: Hashable,
        view: View,
        look: Look,
        *,
        headers: Iterable[tuple[bytes, bytes]],
    ) -> None:
        # Response.__init__ would add a length.
        self.status_code = 200
        self.background = None
        self.body = b""
        self.raw_headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), *headers]
        self._engine = engine
        self._poller = poller
        self._key = key
        self._view = view
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream until it ends or the visitor goes."""
        # ASGI servers may also say by OSError that the client is gone.
        with contextlib.suppress(OSError):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                with contextlib.suppress(ClientGone):
                    await while_there(receive, self._stream(send))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        until = time.monotonic() + LIFE
        seen = 0
        await self._send(send, b"retry: 2000\n\n")
        with self._poller.looking(self._key, self._view, self._look) as topic:
            while not self._engine.draining and time.monotonic() < until:
                if await topic.news(seen, PING_EVERY):
                    if topic.version > seen:
                        seen = topic.version
                        await self._send(send, event(topic.name, seen, topic.data))
                    if topic.has_ended:
                        break
                else:
                    await self._send(send, b": ping\n\n")
            if topic.has_ended and not self._engine.draining:
                await self._send(send, event(b"over", seen, b"."))

    @staticmethod
    async def _send(send: Send, block: bytes) -> None:
        await send({"type": "http.response.body", "body": block, "more_body": True})
