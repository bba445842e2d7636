"""Durations in words, for people: the dashboard, the command line and the reasons why a job waits have the same."""

from __future__ import annotations

from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def in_words(milliseconds: float) -> str:
    """Return a duration with its two largest units, such as `3 min 20 s`; one under a second in milliseconds.

    Args:
        milliseconds: How long it is; less than nothing counts as nothing.
    """
    if milliseconds < 1000:
        return f"{max(0, round(milliseconds))} ms"
    left = int(milliseconds // 1000)
    parts: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)
