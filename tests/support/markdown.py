"""The fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block and the line on which its text begins."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console block, and the output that the page shows for it."""

    line: str
    expected: str


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the page's fenced blocks in the given languages, or all of them."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match["language"], match["text"], text.count("\n", 0, match.start()) + 2)
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def commands(block: Block) -> Iterator[Command]:
    """Yield a console block's commands: lines that begin with a dollar sign, and what stands below each."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        yield Command(line, expected)


def shows(expected: str, actual: str) -> bool:
    """Tell whether an output is the one that a page shows, where `...` stands for anything."""
    pattern = ".*".join(re.escape(piece) for piece in expected.strip().split("..."))
    return re.search(pattern, actual.replace("\r\n", "\n"), re.DOTALL) is not None


def section(page: Path, title: str) -> str:
    """Return what stands below a heading of the second level, up to the next one."""
    _, found, after = page.read_text(encoding="utf-8").partition(f"\n## {title}\n")
    assert found, f"{page} has no section {title!r}"
    return after.partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """Return the words in code spans that stand in the first cells of a text's tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]
