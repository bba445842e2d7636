"""The stored form of a request: what the handler may know of it, without its body.

It is written once, when the job is submitted, and read by the worker. The body's bytes are the job's payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints._core import pack_request

if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""Never stored unless the policy's `keep_headers` names them: a job store is no place for credentials."""


class StoredRequest(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is kept of a request."""

    method: str = "POST"
    path: str = ""
    """The full path as the client sent it, with the mount's root path."""
    route: str = ""
    """The route's path template, with its parameters in braces."""
    path_params: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    query: str = ""
    """The raw query string, without the question mark."""
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    """Lower-case names, in the order sent, repeated ones kept."""
    values: dict[str, bytes] = msgspec.field(default_factory=dict[str, bytes])
    """JSON of the values that request-time dependencies gave the handler, by parameter name."""
    scheme: str = "http"
    root_path: str = ""
    embed: bool | None = None
    """Whether the framework embedded the body's fields; None where it has no such notion."""
    trace: tuple[str, ...] = ()
    """The W3C trace context of the submission: its `traceparent`, and its `tracestate` if any; empty without a trace.
    It is not the client's, whose own stands in the headers."""


NOTHING: Final = msgspec.msgpack.encode({})
"""No path parameters, or no values, as they stand in a stored request."""

_INTEGER: Final = 1
"""The MessagePack extension for integers that have more than 64 bits: big-endian two's complement."""


def _extension(code: int, data: memoryview) -> Any:
    if code != _INTEGER:
        raise msgspec.ValidationError(f"a stored request has an unknown extension {code}")
    return int.from_bytes(data, "big", signed=True)


def _packed(value: Any) -> Any:
    if not isinstance(value, int) or -(2**63) <= value < 2**63:
        return value
    return msgspec.msgpack.Ext(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


_UNTRACED: Final = 0x9A
"""The first byte of a stored request without a trace: an array of ten members, of which the trace is the next."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(StoredRequest, ext_hook=_extension)


def encode_request(request: StoredRequest) -> bytes:
    """Return the bytes to store."""
    packed = pack_request(
        request.method,
        request.path,
        request.route,
        encode_params(request.path_params),
        request.query,
        request.headers,
        (),
        encode_values(request.values),
        request.scheme,
        request.root_path,
        request.embed,
    )
    return with_trace(packed, request.trace) if request.trace else packed


def with_trace(body: bytes | None, trace: tuple[str, ...]) -> bytes:
    """Return a stored request with the trace context of its submission, in the place of one that it may have.

    Args:
        body: The stored request; None is one with empty members, as scripts submit it.
        trace: The trace context.

    Raises:
        msgspec.ValidationError: The bytes are not a stored request of a version that this library knows.
    """
    if body is None:
        body = encode_request(StoredRequest())
    elif body[:1] != bytes((_UNTRACED,)):
        body = encode_request(msgspec.structs.replace(decode_request(body), trace=()))
    return b"".join((bytes((_UNTRACED + 1,)), body[1:], _encode(trace)))


def encode_params(path_params: Mapping[str, Any]) -> bytes:
    """Return path parameters as they stand in a stored request."""
    if not path_params:
        return NOTHING
    try:
        return _encode(path_params)
    except OverflowError:
        # MessagePack's own integers end at 64 bits.
        return _encode({name: _packed(value) for name, value in path_params.items()})


def encode_values(values: Mapping[str, bytes] | None) -> bytes:
    """Return dependencies' values as they stand in a stored request."""
    return _encode(values) if values else NOTHING


def decode_request(body: bytes) -> StoredRequest:
    """Return the stored request.

    Raises:
        msgspec.ValidationError: The bytes are not a stored request of a version that this library knows.
    """
    return _decoder.decode(body)
