"""Single byte ranges (RFC 9110, section 14); everything else that a `Range` may say is ignored, as the RFC allows."""

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
    if match is None or match[1] == match[2] == b"":
        return None
    if match[1] == b"":
        wanted = int(match[2])
        return "unsatisfiable" if not wanted or not length else (max(0, length - wanted), length - 1)
    first = int(match[1])
    last = length - 1 if match[2] == b"" else int(match[2])
    if match[2] != b"" and last < first:
        return None  # Not a range at all: malformed, so ignored.
    return "unsatisfiable" if first >= length else (first, min(last, length - 1))
