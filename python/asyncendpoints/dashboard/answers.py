"""Answers of the dashboard: pages, redirects, files, and what a visitor is told after an action."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from asyncendpoints.dashboard.actions import TEXTS, Told
from asyncendpoints.dashboard.protection import NO_STORE, PROTECTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

TOLD: Final = "asyncendpoints_told"
"""The cookie that brings what came of an action to the page that follows."""

_TOLD: Final = re.compile(r"([a-z-]{1,32})\.([0-9]{1,9})\.([0-9a-f-]{36}|)")
_HTML: Final = b"text/html; charset=utf-8"


def answer(
    content: bytes,
    *,
    status: int = 200,
    media_type: bytes = _HTML,
    headers: Iterable[tuple[bytes, bytes]] = (),
    cache: tuple[bytes, bytes] = NO_STORE,
) -> Response:
    """Return an answer with the headers that all have."""
    response = Response(content, status)
    response.raw_headers += [(b"content-type", media_type), cache, *PROTECTION, *headers]
    return response


def page_answer(html: str, *, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Return a page."""
    # Lone surrogates may stand in what jobs were given; no page is lost over them.
    return answer(html.encode("utf-8", "replace"), status=status, headers=headers)


def redirect(to: str) -> Response:
    """Return the way to another page, relative to this one: the dashboard does not know what it is called outside."""
    return answer(b"", status=303, headers=[(b"location", to.encode("latin-1"))])


def tell(response: Response, told: Told, *, secure: bool) -> Response:
    """Have what came of an action told on the next page."""
    value = f"{told.word}.{told.count}.{told.job_id}"
    response.set_cookie(TOLD, value, max_age=60, httponly=True, samesite="lax", secure=secure)
    return response


def told_of(request: Request) -> Told | None:
    """Return what is to be told; a cookie that somebody else has written tells nothing of its own."""
    found = _TOLD.fullmatch(request.cookies.get(TOLD, ""))
    if found is None or found[1] not in TEXTS:
        return None
    return Told(found[1], int(found[2]), found[3])
