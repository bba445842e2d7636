"""The list of mutants is kept up to date with the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.mutants import MUTANTS, Mutant
from tests.mutation.scripts import SCRIPT_MUTANTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", [*MUTANTS, *SCRIPT_MUTANTS], ids=lambda mutant: mutant.name)
def test_a_mutants_condition_stands_in_the_code_once(mutant: Mutant) -> None:
    """A mutant takes out a condition that is there, in one place, and whose rule is written down."""
    for edit in mutant.edits:
        assert (ROOT / edit.file).read_text(encoding="utf-8").count(edit.old) == 1
    assert f"### {mutant.rule}: " in (ROOT / "docs/rules.md").read_text(encoding="utf-8")
