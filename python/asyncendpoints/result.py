"""What a handler returns when it wants to say how its result is presented, and how that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Result:
    """A handler's result with full control over the answer of `GET …/result`.

    Args:
        body: Bytes and strings are sent as they are, None is an empty body, everything else is encoded as JSON.
        status_code: The status, 200 to 299.
        headers: Further response headers.
        media_type: The content type; by default `application/json` for JSON, `text/plain; charset=utf-8` for a
            string and `application/octet-stream` for bytes.
    """

    __slots__ = ("body", "headers", "media_type", "status_code")

    def __init__(
        self,
        body: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        if isinstance(status_code, bool) or not 200 <= status_code <= 299:
            raise ConfigurationError(
                f"a Result's status_code must be 200 to 299, not {status_code!r}; raise JobError to fail"
            )
        self.body = body
        self.status_code = status_code
        self.headers = dict(headers or {})
        self.media_type = media_type


class ResultMeta(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """How a stored result is presented; a job without it has plain JSON with status 200, or 204 without a body."""

    status_code: int = 200
    media_type: str | None = "application/json"
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ResultMeta)


def encode_meta(meta: ResultMeta) -> bytes:
    """Return the bytes to store as a job's `result_meta`."""
    return _encoder.encode(meta)


def decode_meta(body: bytes) -> ResultMeta:
    """Return the stored presentation.

    Raises:
        msgspec.ValidationError: The bytes are not a presentation of a version that this library knows.
    """
    return _decoder.decode(body)
