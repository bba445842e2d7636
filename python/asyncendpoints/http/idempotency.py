"""The client's idempotency key, and what makes two requests the same one.

Source: draft-ietf-httpapi-idempotency-key-header; its key is a structured-field string (RFC 9651), and bare
keys, which most clients send, are taken as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

from asyncendpoints._core import Head, fingerprint_of, unquoted_key
from asyncendpoints.errors import IdempotencyKeyInvalid
from asyncendpoints.http.forms import form_digest
from asyncendpoints.http.stored import full_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.settings import Settings


def head_of(scope: Mapping[str, Any], settings: Settings) -> Head:
    """Return what the request's headers say, the idempotency key's among them."""
    names = _names.get(settings.idempotency_headers)
    if names is None:
        # The same name twice is one name.
        names = tuple({name.lower().encode("ascii"): None for name in settings.idempotency_headers})
        _names[settings.idempotency_headers] = names
    return Head(scope["headers"], names)


_names: dict[tuple[str, ...], tuple[bytes, ...]] = {}


def read_key(scope: Mapping[str, Any], head: Head, settings: Settings) -> str | None:
    """Return the request's key, or None.

    Args:
        scope: The ASGI scope.
        head: What its headers say, the key's among them.
        settings: Where a key may be.

    Raises:
        IdempotencyKeyInvalid: The key is malformed, or there are several, by header or parameter.
    """
    sent = head.keys
    if settings.idempotency_query is not None and scope["query_string"]:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        sent += [value.encode("latin-1", "replace") for name, value in pairs if name == settings.idempotency_query]
    if not sent:
        return None
    if len(sent) > 1:
        raise IdempotencyKeyInvalid("the request carries several idempotency keys; send one")
    return parse_key(sent[0])


def parse_key(value: bytes) -> str:
    """Return the key that a header or parameter carries, unquoted.

    Raises:
        IdempotencyKeyInvalid: It is not 1 to 255 visible ASCII characters, bare or as a quoted string.
    """
    key = unquoted_key(value)
    if key is None:
        raise IdempotencyKeyInvalid(
            "an idempotency key is 1 to 255 visible ASCII characters, bare and then without a double quote, or as a "
            "quoted string"
        )
    return key


def request_fingerprint(scope: Mapping[str, Any], head: Head, body: bytes | None, settings: Settings) -> bytes:
    """Return the digest of what is asked for: method, path, query without the key, body (IDM-2)."""
    content = body or b""
    if content:
        for value in head.content_types:
            if value != b"application/json":
                content = form_digest(value, content) or content
                break
    query: bytes = scope["query_string"]
    if settings.idempotency_query is not None and query:
        query = without_parameter(query, settings.idempotency_query)
    # The path as sent, where the server tells: %2F and / are different paths.
    path: bytes | None = scope.get("raw_path")
    if path is None:
        path = full_path(scope).encode("utf-8", "surrogateescape")
    return fingerprint_of(scope["method"].encode(), path, query, content)


def without_parameter(query: bytes, parameter: str) -> bytes:
    """Return the raw query string without the parameter of this name; everything else stays byte for byte."""
    kept = [
        part
        for part in query.split(b"&")
        if unquote_plus(part.split(b"=", 1)[0].decode("latin-1"), encoding="latin-1") != parameter
    ]
    return b"&".join(kept)
