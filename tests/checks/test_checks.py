"""The repository's own checks find what they are for, and nothing in a tree that is in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benches import report
from benches.results import Figure
from checks import file_size, layout
from checks.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = '[package]\nname = "core"\n\n[dependencies]\nthiserror = "2"\n'


def tree(root: Path, files: dict[str, str]) -> Tree:
    """Lay out files and return them as a tree."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Tree(root, tuple(sorted(files)))


def test_a_tree_in_order_has_no_findings(tmp_path: Path) -> None:
    """Short files and a core without Python pass."""
    good = tree(
        tmp_path,
        {
            "rust/core/Cargo.toml": MANIFEST,
            "rust/core/src/lib.rs": "// Instant::now would be a clock\n",
            "python/a.py": "x = 1\n" * 400,
            "python/asyncendpoints/a.py": "from asyncendpoints import _core\n",
        },
    )
    assert [*file_size.findings(good), *layout.findings(good)] == []


def test_a_file_over_400_lines_is_found(tmp_path: Path) -> None:
    """One line more than 400 is one too many in code, and none is in prose."""
    long = tree(tmp_path, {"python/a.py": "x = 1\n" * 401, "docs/a.md": "x\n" * 1000})
    assert [*file_size.findings(long)] == [
        "python/a.py has 401 lines: more than 400 means more than one responsibility"
    ]


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("rust/core/Cargo.toml", MANIFEST + 'pyo3 = "0.30"\n', "rust/core/Cargo.toml names pyo3"),
        ("rust/core/src/a.rs", "let now = Instant::now();\n", "rust/core/src/a.rs:1 uses Instant::now"),
        ("rust/core/src/a.rs", "\nuse std::fs;\n", "rust/core/src/a.rs:2 uses std::fs"),
        ("python/asyncendpoints/a.py", "from asyncendpoints import Job\n", "python/asyncendpoints/a.py:1 imports Job"),
        ("notes.txt", "", "notes.txt is new at the top level"),
    ],
)
def test_what_breaks_the_layout_is_found(tmp_path: Path, name: str, text: str, finding: str) -> None:
    """Python, I/O and clocks in the core, and strangers at the top level, are named with the place."""
    (found,) = layout.findings(tree(tmp_path, {"rust/core/Cargo.toml": MANIFEST, name: text}))
    assert found.startswith(finding)


def test_a_figure_is_written_with_its_ratio_and_whether_it_meets_its_target() -> None:
    """The ratio is what the target bounds, where there is a peer."""
    figure = Figure(what="cycles", value=450_000.0, unit="cycles/s", peer="bare", peer_value=500_000.0, target=0.95)
    assert report.row(figure) == "| cycles | 450,000 cycles/s | bare: 500,000 | 0.90 | ≥ 0.95 (missed) |"
    bytes_each = Figure(what="memory", value=312.4, unit="bytes", target=400, at_most=True)
    assert report.row(bytes_each) == "| memory | 312 bytes |  |  | ≤ 400 |"
