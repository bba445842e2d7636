"""What the page on migrations shows is what happens."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.markdown import blocks, commands, shows
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "how-to" / "migrations.md"


def test_the_page_s_commands_print_what_it_shows(tmp_path: Path) -> None:
    """The page's application is saved, and each command is run in its order."""
    (tmp_path / "myapp.py").write_text(blocks(PAGE, "python")[0].text, encoding="utf-8")
    shown = [command for block in blocks(PAGE, "console") for command in commands(block)]
    assert len(shown) == 4
    for command in shown:
        program, *words = shlex.split(command.line)
        assert program == "asyncendpoints", command.line
        done = subprocess.run(
            [sys.executable, "-m", program, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command.line
        assert shows(command.expected, done.stdout), f"{command.line}\n{done.stdout}"
