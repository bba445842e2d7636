"""The files that a check looks at: what git tracks, and what it would track."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tree:
    """A working tree and its files, as paths relative to its root."""

    root: Path
    files: tuple[str, ...]

    @classmethod
    def here(cls) -> Tree:
        """Return the tree that this package stands in; ignored and deleted files do not count."""
        root = Path(__file__).resolve().parent.parent
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names = sorted({name for name in listed.split("\0") if name})
        return cls(root, tuple(name for name in names if (root / name).is_file()))

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.root / name).read_text(encoding="utf-8")
