"""What keeps other sites' pages from reading the dashboard, or acting, with the rights of whoever visits them.

Three things, of which each would do: browsers say where a request comes from (Sec-Fetch-Site, or Origin); the cookie is
never sent with other sites' forms (SameSite); and a form carries a token that only a page of the dashboard can have.
The token is derived from the cookie, so every process of the application knows it and none has a secret to share.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

COOKIE: Final = "asyncendpoints_visitor"
TOKEN: Final = "token"  # noqa: S105 (the name of a form's field)

_VISITOR: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def visitor_of(request: Request) -> str | None:
    """Return what the visitor's cookie says, or None."""
    value = request.cookies.get(COOKIE, "")
    return value if _VISITOR.fullmatch(value) else None


def new_visitor() -> str:
    """Return what to put into the cookie of a new visitor."""
    return secrets.token_urlsafe(32)


def token_of(visitor: str) -> str:
    """Return the token of a visitor's forms."""
    return hmac.new(visitor.encode(), b"asyncendpoints dashboard action", hashlib.sha256).hexdigest()


def is_own_token(visitor: str | None, token: str) -> bool:
    """Tell whether a form's token is the visitor's."""
    return visitor is not None and hmac.compare_digest(token_of(visitor).encode(), token.encode())


def may_read(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request for reading is a visit, or comes from the dashboard itself.

    A link on another site may lead here. Another site's script may not read along, whatever the application's CORS
    settings allow, and nothing may be embedded.
    """
    headers = _headers(scope)
    site = headers.get(b"sec-fetch-site")
    if site is None:
        return _is_own_origin(headers, otherwise=True)
    if site in {b"same-origin", b"none"}:
        return True
    return headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


def may_act(scope: Mapping[str, Any]) -> bool:
    """Tell whether a form was sent by a page of the dashboard."""
    headers = _headers(scope)
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    return _is_own_origin(headers, otherwise=False)


def _headers(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _is_own_origin(headers: Mapping[bytes, bytes], *, otherwise: bool) -> bool:
    # Only browsers of before 2023, and those that were reached without TLS, say no more than this.
    origin = headers.get(b"origin")
    if origin is None:
        return otherwise
    try:
        return urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") == headers.get(b"host")
    except ValueError:
        return False  # no origin that a browser sends
