"""The stylesheet, the script and the icon: their address changes with their content, so browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from asyncendpoints.dashboard.answers import answer
from asyncendpoints.dashboard.look import Missing
from asyncendpoints.dashboard.rendering import FOLDER

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from asyncendpoints.dashboard.look import Look

KINDS: Final = {
    "dashboard.css": b"text/css; charset=utf-8",
    "layout.css": b"text/css; charset=utf-8",
    "dashboard.js": b"text/javascript; charset=utf-8",
    "icon.svg": b"image/svg+xml",
}
"""Every file and its media type; there are no others, so no path leads elsewhere."""


@lru_cache(maxsize=len(KINDS))
def content(name: str) -> bytes:
    """Return a file."""
    return (FOLDER / "static" / name).read_bytes()


@lru_cache(maxsize=1)
def version() -> str:
    """Return what stands for the content of all files."""
    digest = hashlib.blake2b(digest_size=6)
    for name in KINDS:
        digest.update(content(name))
    return digest.hexdigest()


async def file_answer(request: Request, look: Look) -> Response:
    """Answer with a file."""
    name = look.path["name"]
    if name not in KINDS:
        raise Missing("There is no such file.")
    return answer(
        content(name), media_type=KINDS[name], cache=(b"cache-control", b"private, max-age=31536000, immutable")
    )
