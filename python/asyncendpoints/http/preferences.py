"""The `Prefer` header (RFC 7240), as far as it concerns waiting; what is malformed is ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

VARY_PREFER: Final = (b"vary", b"Prefer")

# One preference: token, or token=value, each with parameters that mean nothing here. A value is a token or a string.
# Every repetition is possessive: a header that does not match is found out in linear time, whatever it holds.
_SPACE: Final = rb"[ \t]*+"
_WORD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_STRING: Final = rb'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*+"'
_VALUE: Final = rb"(?:" + _WORD + rb"|" + _STRING + rb")"
_EQUALS: Final = _SPACE + rb"=" + _SPACE
_PARAMETER: Final = _SPACE + rb";" + _SPACE + rb"(?:" + _WORD + rb"(?:" + _EQUALS + _VALUE + rb")?+)?+"
_PREFERENCE: Final = re.compile(
    _SPACE
    + rb"(?:("
    + _WORD
    + rb")(?:"
    + _EQUALS
    + rb"("
    + _VALUE
    + rb"))?(?:"
    + _PARAMETER
    + rb")*+)?"
    + _SPACE
    + rb"(?:,|$)"
)
_SKIP: Final = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*+"?+)*+,?+', re.DOTALL)

_DIGITS: Final = re.compile(rb"[0-9]+")


class Preferences(NamedTuple):
    """What a client prefers."""

    wait: int | None
    """Whole seconds, already capped; None where the client does not want to wait."""
    respond_async: bool

    @property
    def applied(self) -> tuple[tuple[bytes, bytes], ...]:
        """The `Preference-Applied` header, where a preference was honoured."""
        if self.wait is not None:
            return ((b"preference-applied", b"wait=%d" % self.wait),)
        return ((b"preference-applied", b"respond-async"),) if self.respond_async else ()


NONE: Final = Preferences(None, respond_async=False)


def parse_prefer(values: Iterable[bytes], *, max_wait: float) -> Preferences:
    """Read the values of all `Prefer` headers of a request; of a repeated preference the first one counts.

    Args:
        values: The header values in the order sent.
        max_wait: The cap for `wait`, in seconds.
    """
    wait: int | None = None
    wait_seen = respond_async = False
    for header in values:
        position = 0
        while position < len(header):
            match = _PREFERENCE.match(header, position)
            if match is None:
                skipped = _SKIP.match(header, position)
                position = max(skipped.end() if skipped else 0, position + 1)
                continue
            position = match.end()
            name = (match[1] or b"").lower()
            if name == b"wait" and not wait_seen:
                wait_seen = True
                wait = _seconds(match[2] or b"", max_wait)
            elif name == b"respond-async":
                respond_async = True
    if wait is None and not respond_async:
        return NONE
    return Preferences(wait, respond_async)


def _seconds(value: bytes, max_wait: float) -> int | None:
    """Return the capped number of whole seconds, or None where it is not one (RFC 7240, 4.3)."""
    digits = value.strip(b'"')
    if not _DIGITS.fullmatch(digits):
        return None
    # More digits than any cap needs are a number above it; `int` would refuse thousands of them.
    return int(max_wait) if len(digits.lstrip(b"0")) > 9 else min(int(digits), int(max_wait))
