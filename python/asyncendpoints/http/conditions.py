"""`If-None-Match` (RFC 9110, 13.1.2): what the client has already; what is malformed is ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAG: Final = re.compile(rb'[ \t]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')


def matches(headers: Iterable[bytes], etag: bytes) -> bool:
    """Tell whether `If-None-Match` names an entity tag, by weak comparison.

    Args:
        headers: The values of all its header lines.
        etag: The tag of what would be sent, weak or strong.
    """
    wanted = etag.removeprefix(b"W/")
    for header in headers:
        if header.strip() == b"*":
            return True
        position = 0
        while position < len(header):
            match = _TAG.match(header, position)
            if match is None:
                break
            if match[1] == wanted:
                return True
            position = match.end()
    return False
