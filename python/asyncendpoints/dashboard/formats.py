"""How numbers, times and bytes are written for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from asyncendpoints.observability.durations import in_words

NONE: Final = "\u2013"
"""What stands where there is nothing to show."""
SHOWN_BYTES: Final = 65_536
"""How much of a payload or result a page shows."""

# Without a bound, 64 KiB of brackets and numbers become 50 MiB.
_LONGEST_INDENTED: Final = 4 * SHOWN_BYTES
_INDENTING: Final = json.JSONEncoder(indent=2, ensure_ascii=False)
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def duration(ms: float | None) -> str:
    """Return a duration with two or three digits that matter, such as `87 ms`, `1.42 s` or `3 h 5 min`."""
    if ms is None:
        return NONE
    if ms < 1:
        return "<1 ms" if ms > 0 else "0 ms"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 10_000:
        return f"{ms / 1_000:.2f} s"
    return in_words(ms)


def ago(at: int, now: int) -> str:
    """Return how long ago a time was, or how far ahead it is."""
    distance = now - at
    if abs(distance) < 1_000:
        return "now"
    text = _coarse(abs(distance))
    return f"{text} ago" if distance > 0 else f"in {text}"


def _coarse(ms: int) -> str:
    for size, unit in _UNITS:
        if ms >= size:
            return f"{ms // size} {unit}"
    return "0 s"


def moment(ms: int) -> str:
    """Return a time as RFC 3339 has it, in UTC with milliseconds."""
    try:
        when = datetime.fromtimestamp(ms // 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
    return f"{when:%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03d}Z"


def clock_time(ms: int) -> str:
    """Return the hour and the minute of a time, in UTC."""
    return moment(ms)[11:16]


def number(value: float | None) -> str:
    """Return a number with thin groups of three digits; small ones with what matters of their fraction."""
    if value is None:
        return NONE
    if isinstance(value, int) or value >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def percent(part: float | None) -> str:
    """Return a part of one in percent."""
    if part is None:
        return NONE
    if 0 < part < 0.001:
        return "<0.1 %"
    return f"{100 * part:.1f} %" if part < 0.1 else f"{100 * part:.0f} %"


def size(count: int) -> str:
    """Return a number of bytes."""
    if count < 1_024:
        return f"{count} B"
    return f"{count / 1_024:.1f} KiB" if count < 1_048_576 else f"{count / 1_048_576:.1f} MiB"


def _indented(data: bytes) -> str | None:
    """Return JSON indented; None where it is none, or so nested that the indents would be most of it."""
    text, length = list[str](), 0
    try:
        for part in _INDENTING.iterencode(json.loads(data)):
            text.append(part)
            length += len(part)
            if length > _LONGEST_INDENTED:
                return None
    except (ValueError, RecursionError):
        return None
    return "".join(text)


def body(data: bytes) -> str:
    """Return bytes as text: JSON indented, other text as it is, what is no text by its hexadecimal beginning."""
    shown = data[:SHOWN_BYTES]
    more = f"\n… {size(len(data) - SHOWN_BYTES)} more" if len(data) > SHOWN_BYTES else ""
    if not more and (indented := _indented(data)) is not None:
        return indented
    try:
        return shown.decode() + more
    except UnicodeDecodeError:
        return shown[:512].hex(" ") + (f"\n… {size(len(data) - 512)} more" if len(data) > 512 else "")
