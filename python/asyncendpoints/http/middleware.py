"""The two ASGI middlewares that `install` adds: the lifespan's, outside all others, and the bodies', within them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncendpoints.http.capture import SCOPE_KEY, Capture
from asyncendpoints.http.lifespan import LifespanBridge
from asyncendpoints.http.urls import ROOT_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from asyncendpoints.engine import Engine

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AsyncEndpointsMiddleware:
    """Tie an engine to the application's lifespan.

    Args:
        app: The application inside.
        engine: What is started when the application's start-up code has run, and drained before its shutdown
        code.
    """

    def __init__(self, app: ASGIApp, *, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle the lifespan; requests and websockets pass."""
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        return self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        bridge = LifespanBridge(self._engine, receive, send)
        try:
            await self._app(scope, bridge.receive, bridge.send)
        finally:
            await bridge.leave()


class BodyMiddleware:
    """Capture the bodies of requests, between the application's own middleware and its router.

    Args:
        app: The application's router, and what the framework has around it.
        engines: Whose endpoints the application has; `install` adds to it.
    """

    def __init__(self, app: ASGIApp, *, engines: Sequence[Engine]) -> None:
        self._app = app
        self._engines = engines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; all else passes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Here the root path is that of the application that has the job routes; mounts below it lengthen it.
        scope[ROOT_KEY] = scope.get("root_path", "")
        if scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        scope[SCOPE_KEY] = capture = Capture(scope, receive, send, self._engines)
        try:
            await self._app(scope, capture.receive, capture.send)
        except Exception as error:
            # Whatever an application makes of a request that must be refused, the refusal is the answer.
            if not await capture.refuse(error):
                raise
        finally:
            # The capture holds the scope: left in it, everything of the request would wait for the garbage collector.
            scope.pop(SCOPE_KEY, None)
