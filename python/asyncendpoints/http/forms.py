"""What two submissions of one form have in common: everything but the boundary (IDM-1).

An honest retry of a multipart form has a new boundary, so its bytes differ. Nothing is parsed for it: what stands
between the delimiters is compared as it was sent, so that a form costs no more than any other body.
"""

from __future__ import annotations

import re
from typing import Final

from asyncendpoints._core import fingerprint_of

_BOUNDARY: Final = re.compile(rb';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_MOST: Final = 4096
"""The most delimiters that are taken apart; frameworks take fewer parts than this."""


def form_digest(content_type: bytes, body: bytes) -> bytes | None:
    """Return a digest of a multipart form's parts in their order; None where the body's bytes stand for themselves.

    Args:
        content_type: The whole header value, with its boundary.
        body: The bytes as sent.
    """
    if not content_type.lstrip().lower().startswith(b"multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    delimiter = b"--" + (found[1] or found[2])
    if body.count(delimiter) > _MOST:
        return None
    return fingerprint_of(*body.split(delimiter))
