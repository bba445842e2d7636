"""The unit file in the documents is one that systemd takes, and that ends a worker as the worker wants to be ended."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from typing import TYPE_CHECKING

from asyncendpoints import cli
from asyncendpoints.commands import worker
from asyncendpoints.settings import Settings
from asyncendpoints.worker_command import LEAVE_WITHIN, MISUSED
from tests.support.markdown import blocks
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

(BLOCK,) = blocks(ROOT / "docs" / "how-to" / "deployment.md", "ini")


def unit() -> ConfigParser:
    """Return the unit; systemd's files are nearly what `configparser` reads."""
    parser = ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(BLOCK.text)
    return parser


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing, once the command's path is one that exists here; else it is parsed."""
    assert unit().sections() == ["Unit", "Service", "Install"]
    if shutil.which("systemd-analyze") is None:
        return
    text = BLOCK.text.replace("/srv/myapp/.venv/bin/asyncendpoints", f"{sys.executable} -m asyncendpoints")
    file = tmp_path / "myapp-worker.service"
    file.write_text(text.replace("User=myapp", "User=root").replace("/srv/myapp", str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_gives_a_worker_its_grace() -> None:
    """SHD-1: The stop is a SIGTERM, and systemd waits longer than the default grace and what may follow it."""
    service = unit()["Service"]
    assert (service["Type"], service["KillSignal"], service["Restart"]) == ("exec", "SIGTERM", "on-failure")
    assert int(service["TimeoutStopSec"]) > Settings().shutdown_grace + 2 * LEAVE_WITHIN
    assert int(service["RestartPreventExitStatus"]) == MISUSED


def test_the_units_command_line_is_one_that_the_command_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options exist, and ask for several processes."""
    counts: list[int] = []
    monkeypatch.setattr(worker, "supervise", lambda count, _, **_ports: counts.append(count) or 0)
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert program.endswith("/asyncendpoints")
    assert cli.main(arguments) == 0
    assert counts == [4]
