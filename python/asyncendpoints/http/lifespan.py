"""The engine's life inside the application's.

It is started after all of the application's start-up code, and drained before any of its shutdown code.

Wrapping `router.lifespan_context` gets this order wrong as soon as routers bring lifespans of their own; the
messages between server and application do not.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from asyncendpoints.errors import AsyncEndpointsError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

    from asyncendpoints.engine import Engine

_log = logging.getLogger("asyncendpoints.http")


class LifespanBridge:
    """Stand between the server's lifespan messages and the application's."""

    __slots__ = ("_engine", "_failure", "_owner", "_receive", "_send")

    def __init__(self, engine: Engine, receive: Receive, send: Send) -> None:
        self._engine = engine
        self._receive = receive
        self._send = send
        self._failure: str | None = None
        self._owner = False

    async def send(self, message: Message) -> None:
        """Start the engine before the server hears that start-up is complete; close it before shutdown is."""
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            await self._start()
            if self._failure is not None:
                return  # The application gets to run its shutdown code first; see `receive`.
        elif kind in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
            await self.leave()
            if self._failure is not None:
                message = {"type": "lifespan.startup.failed", "message": self._failure}
        await self._send(message)

    async def receive(self) -> Message:
        """Drain the engine before the application hears of the shutdown."""
        if self._failure is not None:
            return {"type": "lifespan.shutdown"}
        message = await self._receive()
        if message["type"] == "lifespan.shutdown" and self._owner:
            await self._engine.drain()
        return message

    async def leave(self) -> None:
        """Close the engine where this lifespan started it; also where the lifespan ended in silence."""
        if self._owner:
            self._owner = False
            await self._engine.close()

    async def _start(self) -> None:
        """Start the engine, unless somebody else has."""
        if self._engine.started:
            return
        try:
            await self._engine.start()
        except Exception as error:
            # Whatever it is, the server is to hear it as a failed start-up, after the application's own
            # shutdown code.
            # What explains itself needs no traceback.
            is_clear = isinstance(error, AsyncEndpointsError)
            _log.error("asyncendpoints could not start: %s", error, exc_info=not is_clear)
            self._failure = f"asyncendpoints could not start: {type(error).__name__}: {error}"
            await self._engine.close()
            return
        self._owner = True
