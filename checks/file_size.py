"""A file over 400 lines is two files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.tree import Tree

LIMIT: Final = 400
# A stub is as long as the module that it declares, so `.pyi` does not count.
CODE: Final = (".py", ".rs", ".lua", ".sql", ".js", ".ts", ".css", ".html")


def findings(tree: Tree) -> Iterator[str]:
    """Yield each code file that is too long to hold one thing."""
    for name in tree.files:
        if name.endswith(CODE):
            lines = tree.text(name).count("\n")
            if lines > LIMIT:
                yield f"{name} has {lines} lines: more than {LIMIT} means more than one responsibility"
