"""The body of a request to an asynchronous endpoint: read once, bounded, checked, and kept.

The framework may read a body before the decorated function runs, and turns foreign errors into answers of its
own. So the body is captured where the router's own `receive` and `send` begin, within all of the application's
middleware: whatever that does to scopes and bodies, here is what the routes will see. When the router has
chosen an asynchronous endpoint, the first `receive` reads the whole body against its limit and checks it; a
refusal is raised there, so that no dependency runs, and replaces whatever answer the framework makes of it.
"""

from __future__ import annotations

import sys
from enum import Enum
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from asyncendpoints._core import Head
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.http.body_checks import check, too_large
from asyncendpoints.http.endpoint import ENVELOPE, endpoint_of
from asyncendpoints.http.problems import not_installed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.endpoint import BodyTarget

SCOPE_KEY: Final = "asyncendpoints.capture"

DISCARD: Final = 4 * 1_048_576
"""How much of a refused body is read and dropped, for clients that write before they read."""

_CONTENT = frozenset(
    {
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"last-modified",
        b"transfer-encoding",
    }
)
"""The headers that describe an answer's content, and go with it."""


class Refused(Exception):  # noqa: N818 (an answer, on its way out)
    """The body was refused; `response` is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status_code}")
        self.response = response


class ClientGone(Exception):  # noqa: N818 (not an error of ours)
    """The client disconnected before its request was complete, so there is nobody to answer."""


class _State(Enum):
    """Who has the body."""

    UNTOUCHED = "nobody has asked for it"
    BEGUN = "some of it was handed on before the route was known, and kept"
    PASSED = "all of it was"
    FOREIGN = "it belongs to an ordinary route, and was not kept"
    READ = "it was read and checked here, and nobody else has it"
    DELIVERED = "it was read and checked, and the application has it"


_UNTOUCHED, _BEGUN, _PASSED = _State.UNTOUCHED, _State.BEGUN, _State.PASSED
_FOREIGN, _READ, _DELIVERED = _State.FOREIGN, _State.READ, _State.DELIVERED
_UNCHECKED = frozenset({_UNTOUCHED, _BEGUN, _PASSED})


class Capture:
    """One request's body, between the application's middleware and its routes.

    Args:
        scope: The scope that the router writes its choice into.
        receive: The `receive` of what is outside.
        send: The `send` of what is outside.
        engines: Whose endpoints the application has.
    """

    # What most requests never change is not written for each of them.
    _state: _State = _UNTOUCHED
    # What somebody read before the route was known, and how many bytes it was; over every limit, only the latter.
    _kept: bytearray | None = None
    _passed: int = 0
    # Whether an answer has begun, and whether it is a refusal, which replaces all that the application sends.
    _answered: bool = False
    _replaced: bool = False
    body: bytes | None = None
    # Whether the store has answered: what it refuses is counted with its answer.
    decided: bool = False
    refusal: Response | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send, engines: Sequence[Engine]) -> None:
        self._engines = engines
        self._scope = scope
        self._receive = receive
        self._send = send

    def receive(self) -> Awaitable[Message]:
        """Stand for the outer `receive`: our endpoints get the whole, checked body in one message."""
        state = self._state
        if state is _UNTOUCHED:
            target = endpoint_of(self._scope)
            return self._pass_on() if target is None else self._deliver(target)
        if state is _READ:
            return self._deliver(None)
        if state is _DELIVERED or state is _FOREIGN:
            if self.refusal is not None and not self._answered:
                raise Refused(self.refusal)
            return self._receive()
        return self._pass_on()

    async def _deliver(self, target: BodyTarget | None) -> Message:
        """Hand out the body; where it is not read yet, read it for its target."""
        if target is not None:
            try:
                await self.read(self._scope, target)
            except ClientGone:
                return {"type": "http.disconnect"}
        self._state = _DELIVERED
        body = self.body or b""
        return {"type": "http.request", "body": body[self._passed :], "more_body": False}

    def send(self, message: Message) -> Awaitable[None]:
        """Stand for the outer `send`: a refusal replaces the answer that the framework made of it."""
        if self._answered:
            return _unsent() if self._replaced else self._send(message)
        if message["type"] == "http.response.start":
            if self._state in _UNCHECKED and message["status"] != 405:
                self._judge()
            if message["status"] == 500 and (error := sys.exc_info()[1]) is not None:
                # A mounted application answers an error by itself, and within its `except`.
                self._understand(error)
            if self.refusal is not None:
                return self._send_refusal(self.refusal, message["headers"])
            self._answered = True
            if message["status"] >= 400 and message["status"] != 405:
                self._count()
        return self._send(message)

    async def refuse(self, error: Exception) -> bool:
        """See to it that a refusal is sent where the application raised; tell whether there is one."""
        if not self._answered:
            self._judge()
            self._understand(error)
            if self.refusal is not None:
                await self._send_refusal(self.refusal, ())
        return self._replaced

    async def read(self, scope: Scope, target: BodyTarget) -> bytes:
        """Return the checked body.

        Args:
            scope: The request's scope as the endpoint sees it.
            target: What the body is for.

        Raises:
            Refused: The body is too large, of another media type, or not JSON.
            ClientGone: The client disconnected before the body was complete.
            ConfigurationError: The body is gone: the route does not show that it leads to an endpoint.
        """
        if self.body is not None:
            return self.body
        if self.refusal is not None:
            raise Refused(self.refusal)
        state = self._state
        limit = target.max_body_bytes
        head = Head(scope["headers"], ())
        if head.length > limit or self._passed > limit:
            whole = state is _PASSED or (not head.expects and await self._discard(self._passed, head.length))
            self._refuse(too_large(scope, limit, close=not whole))
        if state is _UNTOUCHED:
            message = await self._receive()
            body = message.get("body", b"")
            if message["type"] == "http.disconnect":
                raise ClientGone
            if message.get("more_body", False) or len(body) > limit:
                body = await self._gather(scope, body, limit, message.get("more_body", False))
        elif self._kept is None:
            raise ConfigurationError(
                f"the body of a request to {scope['path']} was read without being checked, because the route's "
                "function does not show that it is an asynchronous endpoint; a decorator above the endpoint's must "
                "keep the function's attributes, as functools.wraps does"
            )
        else:
            body = bytes(self._kept)
            if state is _BEGUN:
                body = await self._gather(scope, body, limit, more=True)
        refusal = check(scope, target, head, body, len(body))
        if refusal is not None:
            self._refuse(refusal)
        self.body = body
        self._state = _DELIVERED if state is _PASSED else _READ
        return body

    def _judge(self) -> None:
        """Refuse what was answered without a check: by its head, and by its body where that was handed on."""
        if self.refusal is None and self._state in _UNCHECKED:
            target = endpoint_of(self._scope)
            if target is not None:
                whole = self._state is _PASSED
                body = bytes(self._kept) if whole and self._kept is not None else None
                head = Head(self._scope["headers"], ())
                self.refusal = check(self._scope, target, head, body, self._passed, close=not whole)

    def _understand(self, error: BaseException) -> None:
        """Refuse what the framework found wrong with the request, and failed to say."""
        target = endpoint_of(self._scope)
        if self.refusal is None and target is not None:
            self.refusal = target.refusal_for(self._scope, error)

    def _refuse(self, refusal: Response) -> NoReturn:
        self.refusal = refusal
        self._state = _DELIVERED
        raise Refused(refusal)

    async def _gather(self, scope: Scope, first: bytes, limit: int, more: bool) -> bytes:
        """Read the rest of a body that came in several messages, and stop as soon as it is over the limit."""
        chunks = [first]
        size = len(first)
        while more and size <= limit:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            chunks.append(chunk)
            size += len(chunk)
        if size > limit:
            whole = not more or await self._discard(size, size)
            self._refuse(too_large(scope, limit, close=not whole))
        return b"".join(chunks)

    async def _discard(self, seen: int, declared: int) -> bool:
        """Read and drop the rest of a refused body, within bounds; tell whether its end was reached."""
        if declared > DISCARD:
            return False
        while seen <= DISCARD:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            seen += len(message.get("body", b""))
            if not message.get("more_body", False):
                return True
        return False

    async def _pass_on(self) -> Message:
        """Hand on a message for a route that is not known to be ours, and keep it within bounds."""
        message = await self._receive()
        if message["type"] != "http.request" or self._state is _PASSED:
            return message
        if self._state is _UNTOUCHED:
            if isinstance(self._scope.get("endpoint"), (FunctionType, MethodType)):
                self._state = _FOREIGN  # An ordinary route: its body is none of our business.
                return message
            self._kept = bytearray()
        chunk = message.get("body", b"")
        self._passed += len(chunk)
        self._state = _BEGUN if message.get("more_body", False) else _PASSED
        if self._kept is not None:
            if self._passed > self._largest():
                self._kept = None  # No endpoint takes so much: its size is all that a refusal needs.
            else:
                self._kept += chunk
        return message

    def _largest(self) -> int:
        """Return the largest body that any endpoint takes, the generic producer included."""
        limits = (
            engine.registry.get(name).policy.max_body_bytes
            for engine in self._engines
            for name in engine.registry.names
        )
        return ENVELOPE + max(limits, default=0)

    def _count(self) -> None:
        """Count a submission of which nothing was stored."""
        target = endpoint_of(self._scope)
        if target is not None and not self.decided:
            target.count_refusal()

    async def _send_refusal(self, refusal: Response, made: Any) -> None:
        """Send the refusal, with what a mount's middleware (CORS, say) put on the answer it replaces."""
        self._answered = self._replaced = True
        self._count()
        own = {name for name, _ in refusal.raw_headers}
        kept = [pair for pair in made if pair[0] not in _CONTENT and pair[0] not in own]
        await self._send(
            {
                "type": "http.response.start",
                "status": refusal.status_code,
                "headers": [*refusal.raw_headers, *kept],
            }
        )
        await self._send({"type": "http.response.body", "body": refusal.body})


async def _unsent() -> None:
    """Send nothing: what a framework says after its answer was replaced."""


def store_has_answered(request: Request) -> None:
    """Leave the counting of this submission to whoever counts the store's answers."""
    capture: Capture | None = request.scope.get(SCOPE_KEY)
    if capture is not None:
        capture.decided = True


async def captured_body(request: Request, target: BodyTarget) -> bytes:
    """Return the checked body of a request to an asynchronous endpoint, whoever has read it before.

    Raises:
        Refused: The body is too large, of another media type, or not JSON.
        ClientGone: The client disconnected before the body was complete.
        ConfigurationError: The body is gone: the route does not show that it leads to an endpoint.
    """
    capture: Capture | None = request.scope.get(SCOPE_KEY)
    if capture is None:
        raise Refused(not_installed(request.scope))
    if capture.body is not None:
        return capture.body
    return await capture.read(request.scope, target)
