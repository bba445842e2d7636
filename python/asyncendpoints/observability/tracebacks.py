"""Exceptions as text that is safe to log: frames as Python prints them, messages escaped."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final, cast

from asyncendpoints.observability.logging import printable

if TYPE_CHECKING:
    from types import TracebackType

_DEEPEST: Final = 8
_LONGEST: Final = 50
_OWN: Final = ("asyncendpoints.execution", "asyncendpoints.threads", "asyncendpoints.worker")


def summary(error: BaseException) -> str:
    """Return `ValueError: boom`, or the class's name alone where there is no message."""
    name = type(error).__name__
    try:
        message = str(error)
    except BaseException:  # a user's __str__ may raise anything, and must not hide the error itself
        message = "(its message cannot be shown)"
    return f"{name}: {message}" if message else name


def describe(error: BaseException) -> str:
    """Return the traceback of a handler's exception and of what it came from, without this library's frames."""
    return "\n".join(_lines(error, 0, set()))


def _lines(error: BaseException, depth: int, seen: set[int]) -> list[str]:
    if depth > _DEEPEST or id(error) in seen:
        return []
    seen.add(id(error))
    lines: list[str] = []
    cause = error.__cause__
    context = None if error.__suppress_context__ else error.__context__
    if cause is not None:
        lines += [*_lines(cause, depth + 1, seen), "  which was the direct cause of"]
    elif context is not None:
        lines += [*_lines(context, depth + 1, seen), "  during the handling of which came"]
    for frame in _frames(error.__traceback__):
        lines += frame.rstrip("\n").split("\n")
    lines.append(f"  {printable(summary(error))}")
    if isinstance(error, BaseExceptionGroup):
        for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            lines += [f"    {line}" for line in _lines(member, depth + 1, seen)]
    return lines


def _frames(tb: TracebackType | None) -> list[str]:
    frames = ((frame, line) for frame, line in traceback.walk_tb(tb) if frame.f_globals.get("__name__") not in _OWN)
    return traceback.StackSummary.extract(frames, limit=-_LONGEST).format()
