"""The one ASGI middleware that `install` adds: it captures bodies, and ties the engine to the lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncendpoints.http.capture import SCOPE_KEY, Capture
from asyncendpoints.http.lifespan import LifespanBridge
from asyncendpoints.http.urls import ROOT_KEY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from asyncendpoints.engine import Engine

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AsyncEndpointsMiddleware:
    """Stand between the server and the application.

    Args:
        app: The application inside.
        engine: What is started when the application's start-up code has run, and drained before its shutdown
        code.
    """

    def __init__(self, app: ASGIApp, *, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one lifespan, request or websocket."""
        kind = scope["type"]
        if kind == "lifespan":
            bridge = LifespanBridge(self._engine, receive, send)
            try:
                await self._app(scope, bridge.receive, bridge.send)
            finally:
                await bridge.leave()
            return
        if kind != "http":
            await self._app(scope, receive, send)
            return
        # Here the root path is that of the application that has the job routes; mounts below it lengthen it.
        scope[ROOT_KEY] = scope.get("root_path", "")
        if scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        scope[SCOPE_KEY] = capture = Capture(scope, receive, send, self._engine)
        try:
            await self._app(scope, capture.receive, capture.send)
        except Exception:
            # Whatever an application makes of a refusal that it was not told of, the refusal is the answer.
            if capture.refusal is None or capture.started:
                raise
            await capture.finish()
