"""Take out one condition after the other and report whether the suite noticed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checks.tree import Tree
from tests.mutation.copy import Copy, Outcome
from tests.mutation.mutants import MUTANTS, Mutant


def main(names: list[str]) -> int:
    """Try the named mutants, or all; return 0 where the suite noticed every one."""
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with tempfile.TemporaryDirectory(prefix="asyncendpoints-mutation-") as folder:
        copy = Copy(Tree.here(), Path(folder))
        copy.build()
        whole = copy.test()
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
        copy.spoil(mutant)
        if any(edit.file.endswith(".rs") for edit in mutant.edits):
            copy.build()
        outcome = copy.test()
    except subprocess.CalledProcessError:
        outcome = Outcome(passed=True, line="it does not compile: mend the mutant")
    finally:
        copy.restore()
    word = "SURVIVED" if outcome.passed else "noticed"
    print(f"{word:8} {mutant.rule:6} {mutant.name} ({time.monotonic() - started:.0f} s): {outcome.line}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
