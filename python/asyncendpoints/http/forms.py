"""What two submissions of one form have in common: fields in order, files by name and content (IDM-1).

An honest retry of a multipart form has a new boundary, so its bytes differ.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from asyncendpoints._core import fingerprint_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_MULTIPART = find_spec("python_multipart") is not None


async def form_digest(content_type: bytes, body: bytes) -> bytes | None:
    """Return a digest of a form's fields and files; None where the body is no form that can be read.

    Args:
        content_type: The whole header value, with its boundary.
        body: The bytes as sent.
    """
    kind = content_type.split(b";", 1)[0].strip().lower()
    if kind == b"application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        return fingerprint_of(*(part.encode("latin-1", "replace") for pair in pairs for part in pair))
    if kind == b"multipart/form-data" and _MULTIPART:
        return await _multipart_digest(content_type, body)
    return None


async def _multipart_digest(content_type: bytes, body: bytes) -> bytes | None:
    parser = MultiPartParser(
        Headers(raw=[(b"content-type", content_type)]),
        _once(body),
        # The body's own limit has been checked, and bounds these as well.
        max_files=len(body),
        max_fields=len(body),
        max_part_size=len(body) + 1,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        return None  # Not a form: its bytes are compared, and the framework's own parser says what is wrong.
    parts: list[bytes] = []
    try:
        for name, value in form.multi_items():
            parts.append(name.encode("utf-8", "surrogatepass"))
            if isinstance(value, UploadFile):
                parts += (b"file", (value.filename or "").encode("utf-8", "surrogatepass"))
                parts.append(hashlib.sha256(await value.read()).digest())
            else:
                parts += (b"field", value.encode("utf-8", "surrogatepass"))
    finally:
        await form.close()
    return fingerprint_of(*parts)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
