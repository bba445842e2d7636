"""Run every check of this package and print what each found."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from checks import file_size, layout, rules
from checks.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKS: dict[str, Callable[[Tree], Iterator[str]]] = {
    "file size": file_size.findings,
    "layout": layout.findings,
    "rules": rules.findings,
}


def main() -> int:
    """Print the findings; return 1 where there are any, else 0."""
    tree = Tree.here()
    count = 0
    for name, findings in CHECKS.items():
        for finding in findings(tree):
            print(f"{name}: {finding}")
            count += 1
    print(f"checks: {', '.join(CHECKS)}: {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
