"""What a handler returns when it wants to say how its result is presented, and how that is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from asyncendpoints.errors import ConfigurationError, ResultNotSerializable

if TYPE_CHECKING:
    from collections.abc import Mapping


LONGEST_HEADERS: Final = 16_384
"""How many characters a result's headers may have in all: more than servers and clients take."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


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
        if not _is_success(status_code):
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


def _is_success(status_code: object) -> bool:
    return isinstance(status_code, int) and not isinstance(status_code, bool) and 200 <= status_code <= 299


def presentation(result: Result, media_type: str | None) -> bytes:
    """Return the bytes to store for how a result is presented.

    Args:
        result: What the handler returned; its members may have been changed since it was made.
        media_type: The content type where the handler chose none.

    Raises:
        ResultNotSerializable: A member is not what HTTP can send.
    """
    if not _is_success(result.status_code):
        raise ResultNotSerializable(f"a Result's status_code must be 200 to 299, not {result.status_code!r}")
    media_type = media_type if result.media_type in (None, "") else _sendable(result.media_type, "media_type")
    headers: list[tuple[str, str]] = []
    if sum(len(str(name)) + len(str(value)) for name, value in result.headers.items()) > LONGEST_HEADERS:
        raise ResultNotSerializable(f"a Result's headers must have at most {LONGEST_HEADERS} characters in all")
    for name, value in result.headers.items():
        # Annotations do not bind what a handler gives.
        if not isinstance(name, str) or not _NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ResultNotSerializable(f"a Result's header cannot be named {name!r}")
        headers.append((name.lower(), _sendable(value, f"header {name!r}")))
    return encode_meta(ResultMeta(int(result.status_code), media_type, headers))


def _sendable(value: object, what: str) -> str:
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return value
    raise ResultNotSerializable(
        f"a Result's {what} must be a string of one line within Latin-1, as HTTP has it, not {value!r}"
    )


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
