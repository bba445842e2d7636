"""The stored form of a request: what the handler may know of it, without its body.

It is written once, when the job is submitted, and read by the worker. The body's bytes are the job's payload.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredRequest, ext_hook=_extension)


def encode_request(request: StoredRequest) -> bytes:
    """Return the bytes to store."""
    try:
        return _encoder.encode(request)
    except OverflowError:
        # Only path parameters are numbers, and MessagePack's own integers end at 64 bits.
        packed = {name: _packed(value) for name, value in request.path_params.items()}
        return _encoder.encode(msgspec.structs.replace(request, path_params=packed))


def decode_request(body: bytes) -> StoredRequest:
    """Return the stored request.

    Raises:
        msgspec.ValidationError: The bytes are not a stored request of a version that this library knows.
    """
    return _decoder.decode(body)
