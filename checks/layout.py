"""The layout holds: the core crate stays free of Python, I/O and clocks, and the top level stays as it is."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.tree import Tree

TOP_LEVEL: Final = frozenset(
    {
        ".ci",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "benches",
        "checks",
        "docs",
        "examples",
        "pyproject.toml",
        "python",
        "rust",
        "tests",
    }
)
FORBIDDEN_IN_CORE: Final = frozenset({"pyo3", "pyo3-ffi", "tokio", "redis", "chrono", "time"})
CLOCKS_AND_IO: Final = re.compile(r"\b(SystemTime::now|Instant::now|std::(fs|net|io|process|env|thread))\b")


def findings(tree: Tree) -> Iterator[str]:
    """Yield everything that is not where the design has it."""
    yield from _top_level(tree)
    yield from _core_manifest(tree)
    yield from _core_sources(tree)
    yield from _package_imports(tree)


def _top_level(tree: Tree) -> Iterator[str]:
    for name in sorted({file.split("/", 1)[0] for file in tree.files} - TOP_LEVEL):
        yield f"{name} is new at the top level: give it a home in a folder, or name it in checks/layout.py"


def _core_manifest(tree: Tree) -> Iterator[str]:
    manifest: dict[str, Any] = tomllib.loads(tree.text("rust/core/Cargo.toml"))
    for section in ("dependencies", "build-dependencies"):
        named = cast("dict[str, object]", manifest.get(section, {}))
        for crate in sorted(FORBIDDEN_IN_CORE & named.keys()):
            yield f"rust/core/Cargo.toml names {crate}: the core knows no Python, no I/O and no clock"


def _core_sources(tree: Tree) -> Iterator[str]:
    for name in tree.files:
        if not (name.startswith("rust/core/src/") and name.endswith(".rs")):
            continue
        for number, line in enumerate(tree.text(name).splitlines(), start=1):
            found = CLOCKS_AND_IO.search(line)
            if found is not None and not line.lstrip().startswith("//"):
                yield f"{name}:{number} uses {found.group()}: time and I/O come in as arguments"


def _package_imports(tree: Tree) -> Iterator[str]:
    # import-linter cannot see the compiled core and takes its import for one of the whole package, so that is
    # ignored there; what stands at the package's top itself is for users.
    modules = {
        "_core",
        *(name.removeprefix("python/asyncendpoints/").split("/")[0].split(".")[0] for name in tree.files),
    }
    for name in tree.files:
        if not (name.startswith("python/asyncendpoints/") and name.endswith(".py")):
            continue
        for node in ast.walk(ast.parse(tree.text(name))):
            if isinstance(node, ast.ImportFrom) and node.module == "asyncendpoints":
                foreign = [alias.name for alias in node.names if alias.name not in modules]
                if foreign:
                    yield f"{name}:{node.lineno} imports {foreign[0]} from the package's top: name its module instead"
