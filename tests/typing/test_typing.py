"""A type checker sees what users write as it is meant: right code is accepted, wrong code refused at the right line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="module")
def complaints() -> dict[str, set[tuple[int, str]]]:
    """Return what pyright, as strict as on the package, says of each file: the line and the rule."""
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", str(HERE / "right.py"), str(HERE / "wrong.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(run.stdout)
    found: dict[str, set[tuple[int, str]]] = {}
    for one in report["generalDiagnostics"]:
        line = one["range"]["start"]["line"] + 1
        found.setdefault(Path(one["file"]).name, set()).add((line, one.get("rule") or one["message"]))
    assert report["summary"]["filesAnalyzed"] >= 2
    return found


def test_right_code_is_accepted(complaints: dict[str, set[tuple[int, str]]]) -> None:
    """Every public type is inferred as the assertions say, without one complaint."""
    assert complaints.get("right.py", set()) == set()


def test_wrong_code_is_refused_where_it_is_wrong(complaints: dict[str, set[tuple[int, str]]]) -> None:
    """Each mistake is found on its line, by the complaint that the line names, and nothing else is found."""
    lines = (HERE / "wrong.py").read_text().splitlines()
    marks = [(number, re.search(r"# expect: ([\w, ]+)$", line)) for number, line in enumerate(lines, start=1)]
    expected = {(number, rule) for number, mark in marks if mark for rule in mark[1].split(", ")}
    assert complaints["wrong.py"] == expected
