"""The body of a request to an asynchronous endpoint: read once, bounded, checked, and kept.

The framework may read a body before the decorated function runs, and turns foreign errors into answers of its
own. So the body is captured where it comes in: the middleware hands `Capture.receive` and `Capture.send` to
the application. When the router has chosen an asynchronous endpoint, the first `receive` reads the whole body
against its limit and checks it; a refusal is raised there, so that no dependency runs, and replaces whatever
answer the framework makes of it.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, Protocol

from asyncendpoints.errors import MalformedPayload
from asyncendpoints.http.endpoint import endpoint_of
from asyncendpoints.http.problems import not_installed, problem, problem_for
from asyncendpoints.payload import check_json
from asyncendpoints.problem_types import PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from asyncendpoints.engine import Engine
    from asyncendpoints.http.endpoint import BodyKind

SCOPE_KEY: Final = "asyncendpoints.capture"

DISCARD: Final = 4 * 1_048_576
"""How much of a refused body is read and dropped, for clients that write before they read."""

_PLAIN_JSON: Final = [b"application/json"]
_FORMS: Final = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data"})


class BodyTarget(Protocol):
    """What a body is for: an asynchronous endpoint, or the generic producer."""

    engine: Engine

    @property
    def max_body_bytes(self) -> int:
        """The limit."""
        ...

    def body_kind(self, scope: Mapping[str, Any]) -> BodyKind:
        """Return the kind of body that is taken."""
        ...


class Refused(Exception):  # noqa: N818 (an answer, on its way out)
    """The body was refused; `response` is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status_code}")
        self.response = response


class ClientGone(Exception):  # noqa: N818 (not an error of ours)
    """The client disconnected before its request was complete, so there is nobody to answer."""


class Capture:
    """One request's body, between the server and the application."""

    __slots__ = (
        "_engine",
        "_passed",
        "_passed_bytes",
        "_receive",
        "_scope",
        "_send",
        "_whole",
        "body",
        "refusal",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, engine: Engine) -> None:
        self._engine = engine
        self._scope = scope
        self._receive = receive
        self._send = send
        self.body: bytes | None = None
        self.refusal: Response | None = None
        self.started = False
        # What somebody read before the route was known; None when it is none of our business.
        self._passed: list[bytes] | None = []
        self._passed_bytes = 0
        self._whole = False

    async def receive(self) -> Message:
        """Stand for the server's `receive`: our endpoints get the whole, checked body in one message."""
        if self.body is not None or self._passed is None:
            return await self._receive()
        target = endpoint_of(self._scope)
        if target is None or self._passed:
            return await self._pass_on()
        try:
            body = await self.read(target)
        except Refused as refused:
            self.refusal = refused.response
            raise
        except ClientGone:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Stand for the server's `send`: a refusal replaces the answer that the framework made of it."""
        if self.refusal is None and message["type"] == "http.response.start":
            if self.body is None and self._passed == [] and message["status"] != 405:
                self.refusal = self._refuse_unread()
            self.started = self.refusal is None
        if self.refusal is None:
            await self._send(message)
        elif message["type"] == "http.response.start" and not self.started:
            await self._send_refusal(self.refusal, message["headers"])

    def _refuse_unread(self) -> Response | None:
        """Refuse by its head what was answered without being read: size and media type come before all else."""
        target = endpoint_of(self._scope)
        if target is None:
            return None
        length, content_types, _ = _framing(self._scope)
        if length > target.max_body_bytes:
            return _too_large(self._scope, target.max_body_bytes, close=True)
        taken = _not_taken(target.body_kind(self._scope), content_types)
        return None if taken is None else _unsupported(self._scope, content_types, taken)

    async def finish(self) -> None:
        """Send the refusal where the application let it through as an exception."""
        if self.refusal is not None and not self.started:
            await self._send_refusal(self.refusal, ())

    async def read(self, target: BodyTarget) -> bytes:
        """Return the checked body.

        Raises:
            Refused: The body is too large, of another media type, or not JSON.
            ClientGone: The client disconnected before the body was complete.
        """
        if self.body is not None:
            return self.body
        length, content_types, expects = _framing(self._scope)
        limit = target.max_body_bytes
        passed = self._passed
        self._passed = None
        if length > limit or self._passed_bytes > limit:
            whole = self._whole or (not expects and await self._discard(0, length))
            raise Refused(_too_large(self._scope, limit, close=not whole))
        if passed:
            body = await self._resume(b"".join(passed), limit)
        else:
            message = await self._receive()
            body = message.get("body", b"")
            if message["type"] == "http.disconnect":
                raise ClientGone
            if message.get("more_body", False) or len(body) > limit:
                body = await self._gather(body, limit, message.get("more_body", False))
        kind = target.body_kind(self._scope)
        if kind != "json" or content_types != _PLAIN_JSON:
            self._check_type(kind, content_types, body)
        if kind == "json" and body:
            try:
                check_json(body, max_depth=target.engine.settings.max_json_depth)
            except MalformedPayload as error:
                raise Refused(problem_for(self._scope, error)) from error
        self.body = body
        return body

    def _check_type(self, kind: BodyKind, content_types: list[bytes], body: bytes) -> None:
        """Refuse a body of a type that the endpoint does not take (Refused)."""
        taken = _not_taken(kind, content_types)
        if taken is None and kind == "form" and body and not content_types:
            taken = "a form"
        if taken is not None:
            raise Refused(_unsupported(self._scope, content_types, taken))
        if kind == "json" and not content_types:
            # An absent Content-Type counts as JSON. Frameworks that would take the body for bytes are told so, in
            # the list that their header objects share with the scope.
            self._scope["headers"].append((b"content-type", b"application/json"))

    async def _resume(self, body: bytes, limit: int) -> bytes:
        """Go on where an inner middleware stopped reading before the route was known."""
        if self._whole and len(body) <= limit:
            return body
        return await self._gather(body, limit, not self._whole)

    async def _gather(self, first: bytes, limit: int, more: bool) -> bytes:
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
            raise Refused(_too_large(self._scope, limit, close=not whole))
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
        """Hand on a message for a route that is not known to be ours, and remember it within bounds."""
        message = await self._receive()
        if message["type"] != "http.request" or self._passed is None:
            return message
        if not self._passed and isinstance(self._scope.get("endpoint"), (FunctionType, MethodType)):
            self._passed = None  # An ordinary route: its body is none of our business.
            return message
        chunk = message.get("body", b"")
        self._passed_bytes += len(chunk)
        self._whole = not message.get("more_body", False)
        registry = self._engine.registry
        if self._passed_bytes > max((registry.get(name).policy.max_body_bytes for name in registry.names), default=0):
            self._passed.clear()  # No endpoint takes so much: its size is all that a refusal needs.
        else:
            self._passed.append(chunk)
        return message

    async def _send_refusal(self, refusal: Response, made: Any) -> None:
        """Send the refusal, with what inner middleware (CORS, say) put on the answer it replaces."""
        self.started = True
        kept = [pair for pair in made if not pair[0].startswith((b"content-", b"transfer-", b"etag", b"last-mod"))]
        await self._send(
            {
                "type": "http.response.start",
                "status": refusal.status_code,
                "headers": [*refusal.raw_headers, *kept],
            }
        )
        await self._send({"type": "http.response.body", "body": refusal.body})


async def captured_body(request: Request, target: BodyTarget) -> bytes:
    """Return the checked body of a request to an asynchronous endpoint, whoever has read it before.

    Raises:
        Refused: The body is too large, of another media type, or not JSON.
        ClientGone: The client disconnected before the body was complete.
    """
    capture: Capture | None = request.scope.get(SCOPE_KEY)
    if capture is None:
        raise Refused(not_installed(request.scope))
    if capture.body is not None:
        return capture.body
    return await capture.read(target)


def _framing(scope: Scope) -> tuple[int, list[bytes], bool]:
    """Return the declared length (-1 if none), the content types, and whether 100 Continue is awaited."""
    length = -1
    content_types: list[bytes] = []
    expects = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_types.append(value)
        elif name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 20 else -1
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
    return length, content_types, expects


def media_type(value: bytes) -> bytes:
    """Return a Content-Type's type and subtype in lower case, without its parameters."""
    return value.split(b";", 1)[0].strip().lower()


def _is_json(value: bytes) -> bool:
    kind = media_type(value)
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json") and kind.count(b"/") == 1
    )


def _not_taken(kind: BodyKind, content_types: list[bytes]) -> str | None:
    """Return what the endpoint takes instead, where the request says that it carries something else."""
    if kind == "json" and not all(_is_json(value) for value in content_types):
        return "JSON"
    if kind == "form" and not all(media_type(value) in _FORMS for value in content_types):
        return "a form"
    return None


def _too_large(scope: Scope, limit: int, *, close: bool) -> Response:
    # RFC 9110, 10.1.1: a server that answers before it has read the content says whether it closes.
    headers = [(b"connection", b"close")] if close and scope.get("http_version", "1.1").startswith("1") else []
    return problem(scope, PAYLOAD_TOO_LARGE, f"The body is larger than {limit} bytes.", headers=headers)


def _unsupported(scope: Scope, content_types: list[bytes], taken: str) -> Response:
    sent = b", ".join(content_types).decode("latin-1")
    return problem(scope, UNSUPPORTED_MEDIA_TYPE, f"This endpoint takes {taken}, not {sent or 'an untyped body'!r}.")
