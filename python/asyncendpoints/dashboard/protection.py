"""The headers of every answer of the dashboard."""

from __future__ import annotations

from typing import Final

_CONTENT: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PROTECTION: Final = (
    (b"content-security-policy", _CONTENT),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not `no-referrer`, with which browsers send forms with the origin `null`.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
"""Nothing from elsewhere, nothing inline, nobody's frame."""
NO_STORE: Final = (b"cache-control", b"no-store")
"""What is read here is left in no cache."""
