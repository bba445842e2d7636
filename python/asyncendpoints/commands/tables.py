"""Tables and pairs as plain text; whatever comes from jobs is made harmless to the terminal."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING, Final

from asyncendpoints.observability.logging import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP: Final = "  "
_LEAST: Final = 8
"""What a column that is shortened keeps."""


def room() -> int | None:
    """Return how many columns the terminal has; None where the output goes somewhere else and is not to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def width_of(text: str) -> int:
    """Return how many columns of a terminal a printable text takes: East Asian wide characters take two."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def cut(text: str, width: int) -> str:
    """Return a text, shortened to a width, in which an ellipsis says that something is missing."""
    if width_of(text) <= width:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) > width - 1:
            break
        kept += character
    return f"{kept}…"


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, within: int | None, shrinks: Sequence[str] = ()
) -> str:
    """Return an aligned table, a line for each row.

    Args:
        heads: What the columns are called.
        rows: What stands in them; anything that is not printable is escaped.
        within: How many columns of the terminal there are; None cuts nothing.
        shrinks: Which columns are shortened where there is no room for all.
    """
    lines = [list(heads), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(heads))]
    if within is not None:
        _shrink(widths, [heads.index(name) for name in shrinks], within - len(GAP) * (len(heads) - 1))
    told = [
        GAP.join(_padded(cut(cell, width), width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join(told) + "\n"


def pairs(members: Sequence[tuple[str, str | None]]) -> str:
    """Return names and values below each other; what is None is left out."""
    shown = [(name, printable(value)) for name, value in members if value is not None]
    width = max(len(name) for name, _ in shown)
    return "".join(f"  {name:<{width}}{GAP}{value}\n" for name, value in shown)


def _shrink(widths: list[int], columns: Sequence[int], room: int) -> None:
    # The widest of them gives first, so that short names stay whole.
    while sum(widths) > room and columns:
        widest = max(columns, key=lambda column: widths[column])
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))
