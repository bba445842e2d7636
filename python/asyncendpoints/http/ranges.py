"""Single byte ranges (RFC 9110, section 14); whatever else a `Range` says is ignored, as the RFC allows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile(rb"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.IGNORECASE)


def requested_range(
    scope: Mapping[str, Any], length: int, etag: bytes
) -> tuple[int, int] | Literal["unsatisfiable"] | None:
    """Return the first and last byte that the request asks for, or None where the whole is to be sent.

    Args:
        scope: The ASGI scope; only GET has ranges.
        length: The length of the content.
        etag: The content's entity tag, for `If-Range`.
    """
    if scope["method"] != "GET":
        return None
    ranges: list[bytes] = []
    conditions: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"range":
            ranges.append(value)
        elif name == b"if-range":
            conditions.append(value.strip())
    if len(ranges) != 1:
        return None
    # A weak tag, or a date where there is none to compare with, never matches: then the whole is sent.
    if conditions and (conditions != [etag] or etag.startswith(b"W/")):
        return None
    match = _RANGE.fullmatch(ranges[0])
    return None if match is None else _resolve(match[1], match[2], length)


def _resolve(first: bytes, last: bytes, length: int) -> tuple[int, int] | Literal["unsatisfiable"] | None:
    if first == b"":
        # The last so many bytes.
        wanted = int(last) if last else None
        if wanted is None:
            return None
        return (max(0, length - wanted), length - 1) if wanted and length else "unsatisfiable"
    start = int(first)
    end = int(last) if last else length - 1
    if last and end < start:
        return None  # Not a range at all: malformed, so ignored.
    return "unsatisfiable" if start >= length else (start, min(end, length - 1))
