"""A copy of the tree that can be spoilt, built and tested, and leaves the real one alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.mutation.mutants import LUA
from tests.support.redis_server import find_server

if TYPE_CHECKING:
    from pathlib import Path

    from checks.tree import Tree
    from tests.mutation.mutants import Mutant

TESTS: Final = ("tests/conformance/test_memory.py", "tests/stateful/test_memory_walk.py")
REDIS_TESTS: Final = ("tests/conformance/test_redis.py",)
"""What is run where the Redis store's own tests have not noticed."""
COPIED: Final = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "rust/", "benches/", "python/", "tests/")
PATIENCE: Final = 900
"""Seconds after which a mutant that hangs counts as noticed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the suite passed, and the line that says why not."""

    passed: bool
    line: str


class Copy:
    """The tree in a folder of its own, with build products of its own.

    Args:
        tree: What is copied.
        root: An empty folder.
    """

    def __init__(self, tree: Tree, root: Path) -> None:
        self.root = root / "tree"
        self._target = root / "target"
        self._whole: dict[Path, str] = {}
        for name in tree.files:
            if name.startswith(COPIED):
                place = self.root / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree.root / name, place)

    def spoil(self, mutant: Mutant) -> None:
        """Take a condition out.

        Raises:
            ValueError: The condition does not stand in its file exactly once, so the mutant is out of date.
        """
        for edit in mutant.edits:
            place = self.root / edit.file
            text = place.read_text(encoding="utf-8")
            if text.count(edit.old) != 1:
                raise ValueError(f"{mutant.name}: its condition stands {text.count(edit.old)} times in {edit.file}")
            self._whole.setdefault(place, text)
            place.write_text(text.replace(edit.old, edit.new), encoding="utf-8")

    def restore(self) -> None:
        """Put every spoilt file back as it was."""
        for place, text in self._whole.items():
            place.write_text(text, encoding="utf-8")
        self._whole.clear()

    def build(self) -> None:
        """Build the extension where the copied package looks for it.

        Raises:
            subprocess.CalledProcessError: It cannot be compiled.
        """
        environment = {
            **os.environ,
            "CARGO_TARGET_DIR": str(self._target),
            "PYO3_PYTHON": sys.executable,
            # A mutant is to be noticed by the suite, not by the compiler's own checks at run time.
            "CARGO_PROFILE_DEV_DEBUG_ASSERTIONS": "false",
            "CARGO_PROFILE_DEV_OVERFLOW_CHECKS": "false",
            "CARGO_PROFILE_DEV_DEBUG": "0",
            "RUSTFLAGS": "--allow warnings",
        }
        subprocess.run(
            ["cargo", "build", "--quiet", "--locked", "--package", "asyncendpoints-python"],
            cwd=self.root,
            env=environment,
            check=True,
        )
        library = "lib_core.dylib" if sys.platform == "darwin" else "lib_core.so"
        shutil.copyfile(self._target / "debug" / library, self.root / "python/asyncendpoints/_core.abi3.so")

    def test(self, tests: tuple[str, ...] = TESTS) -> Outcome:
        """Run the suites on the copy until the first failure."""
        environment = {"PYTHONPATH": str(self.root / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", *tests]
        return self._run(command, environment)

    def test_scripts(self, mutant: Mutant | None = None) -> Outcome:
        """Run the Redis store's own tests, against a real server, with the scripts as the mutant has them."""
        environment = {
            "CARGO_TARGET_DIR": str(self._target),
            "RUST_BACKTRACE": "0",
            "ASYNCENDPOINTS_TEST_REDIS_SERVER": str(find_server()),
        }
        if mutant:
            parts = [mutant.edits[0].file.removeprefix(LUA)]
            for edit in mutant.edits:
                parts += [edit.old, edit.new]
            environment["ASYNCENDPOINTS_TEST_LUA_MUTANT"] = "\x1f".join(parts)
        package = ["--package", "asyncendpoints-redis", "--test", "store"]
        return self._run(["cargo", "test", "--quiet", "--locked", *package], environment)

    def _run(self, command: list[str], environment: dict[str, str]) -> Outcome:
        try:
            run = subprocess.run(
                command,
                cwd=self.root,
                env={**os.environ, **environment},
                check=False,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return Outcome(passed=False, line=f"no end after {PATIENCE} s")
        failures = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "    "))]
        return Outcome(
            run.returncode == 0, failures[0].strip() if failures else (run.stdout + run.stderr).strip()[-300:]
        )
