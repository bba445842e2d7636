"""What a request to an asynchronous endpoint is refused for: its size, its media type, its syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.errors import MalformedPayload
from asyncendpoints.http.problems import instance, problem, problem_for, problem_reply
from asyncendpoints.payload import check_json
from asyncendpoints.problem_types import PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response
    from starlette.types import Scope

    from asyncendpoints._core import Head
    from asyncendpoints.http.endpoint import BodyKind, BodyTarget

_JSON = [b"application/json"]
_FORMS = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data"})


def check(
    scope: Scope,
    target: BodyTarget,
    head: Head,
    body: bytes | None,
    size: int,
    *,
    close: bool = False,
) -> Response | None:
    """Return what a request to an endpoint is refused with: for its size, then its media type, then its syntax.

    Args:
        scope: The request's scope.
        target: What the body is for.
        head: What its headers say.
        body: The whole body; None where it was not seen, so that the head alone speaks.
        size: How many bytes were seen.
        close: Whether a refusal for the size says that the connection closes, because the rest was not read.
    """
    limit = target.max_body_bytes
    if head.length > limit or size > limit:
        return too_large(scope, limit, close=close)
    kind = target.body_kind(scope)
    content_types = head.content_types
    if content_types != _JSON or kind != "json":
        taken = _not_taken(kind, content_types, head.carries if body is None else bool(body))
        if taken is not None:
            return _unsupported(scope, content_types, taken)
    if kind == "json" and body is not None and not content_types:
        _declare_json(scope)
    # Frameworks read as JSON what says that it is, whatever the endpoint takes.
    if body and (kind == "json" or (kind == "any" and any(map(is_json, content_types)))):
        try:
            check_json(body, max_depth=target.engine.settings.max_json_depth)
        except MalformedPayload as error:
            return problem_for(scope, error)
    return None


def media_type(value: bytes) -> bytes:
    """Return a Content-Type's type and subtype in lower case, without its parameters."""
    return value.split(b";", 1)[0].strip().lower()


def is_json(value: bytes) -> bool:
    """Return whether a Content-Type says JSON."""
    kind = media_type(value)
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json") and kind.count(b"/") == 1
    )


def _not_taken(kind: BodyKind, content_types: list[bytes], carries: bool) -> str | None:
    """Return what the endpoint takes instead, where the request carries something else."""
    if kind == "json":
        for value in content_types:
            if value != b"application/json" and not is_json(value):
                return "JSON"
    if kind == "form" and (
        not all(media_type(value) in _FORMS for value in content_types) or (carries and not content_types)
    ):
        return "a form"
    return None


def _declare_json(scope: Scope) -> None:
    """Tell frameworks, which would take an untyped body for bytes, that an absent Content-Type counts as JSON.

    Their header objects share a list with the scope.
    """
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    if not isinstance(headers, list):
        headers = scope["headers"] = list(headers)
    headers.append((b"content-type", b"application/json"))


def too_large(scope: Scope, limit: int, *, close: bool) -> Response:
    """Return the refusal of a body over the limit (bytes), which may say that the connection closes."""
    # RFC 9110, 10.1.1: a server that answers before it has read the content says whether it closes.
    headers = [(b"connection", b"close")] if close and scope.get("http_version", "1.1").startswith("1") else []
    return problem(scope, PAYLOAD_TOO_LARGE, f"The body is larger than {limit} bytes.", headers=headers)


def incomplete(scope: Scope) -> Response:
    """Return the refusal of a body whose end never came; where that is a middleware's word, the client is there."""
    members = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request ended before its body was complete.",
        "instance": instance(scope),
    }
    return problem_reply(400, members)


def _unsupported(scope: Scope, content_types: list[bytes], taken: str) -> Response:
    sent = b", ".join(content_types).decode("latin-1")
    return problem(scope, UNSUPPORTED_MEDIA_TYPE, f"This endpoint takes {taken}, not {sent or 'an untyped body'!r}.")
