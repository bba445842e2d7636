"""Take out one condition after the other and report whether the suite noticed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from checks.tree import Tree
from tests.mutation.copy import REDIS_TESTS, TESTS, Copy, Outcome
from tests.mutation.mutants import MUTANTS, Mutant
from tests.mutation.scripts import SCRIPT_MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable


def main(names: list[str]) -> int:
    """Try the named mutants, or all; return 0 where the suite noticed every one."""
    chosen = [mutant for mutant in (*MUTANTS, *SCRIPT_MUTANTS) if not names or mutant.name in names]
    with tempfile.TemporaryDirectory(prefix="asyncendpoints-mutation-") as folder:
        copy = Copy(Tree.here(), Path(folder))
        suites: list[Callable[[], Outcome]] = []
        if any(mutant.is_of_a_script for mutant in chosen):
            suites.append(copy.test_scripts)
        if not all(mutant.is_of_a_script for mutant in chosen):
            copy.build()
            suites.append(copy.test)
        for suite in suites:
            whole = suite()
            if not whole.passed:
                print(f"the suite fails as it is: {whole.line}")
                return 1
        survivors = [mutant.name for mutant in chosen if _try(copy, mutant).passed]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were noticed")
    for name in survivors:
        print(f"SURVIVED: {name}")
    return 1 if survivors else 0


def _try(copy: Copy, mutant: Mutant) -> Outcome:
    started = time.monotonic()
    try:
        if mutant.is_of_a_script:
            outcome = copy.test_scripts(mutant)
            if not outcome.passed:
                return _told(mutant, outcome, started)
        copy.spoil(mutant)
        if any(edit.file.endswith((".rs", ".lua")) for edit in mutant.edits):
            copy.build()
        outcome = copy.test(REDIS_TESTS if mutant.is_of_a_script else TESTS)
    except subprocess.CalledProcessError:
        outcome = Outcome(passed=True, line="it does not compile: mend the mutant")
    finally:
        copy.restore()
    return _told(mutant, outcome, started)


def _told(mutant: Mutant, outcome: Outcome, started: float) -> Outcome:
    word = "SURVIVED" if outcome.passed else "noticed"
    print(f"{word:8} {mutant.rule:6} {mutant.name} ({time.monotonic() - started:.0f} s): {outcome.line}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
