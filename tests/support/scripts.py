"""Python programs of a test, run as processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PATIENCE = 60.0
"""Seconds after which a program counts as hanging."""

# Developer mode lets asyncio complain of callbacks over 0.1 s, which a busy machine makes of any.
_CALM = "import logging; logging.getLogger('asyncio').setLevel(logging.ERROR)\n"


def run_script(source: str, *, dev_mode: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed; Python's own checks for developers are on."""
    switches = ["-X", "dev", "-X", "faulthandler"] if dev_mode else []
    return subprocess.run(
        [sys.executable, *switches, "-c", _CALM + textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run_clean(source: str, *, dev_mode: bool = True) -> str:
    """Run a program that must end well and say nothing on its error output; return what it printed."""
    done = run_script(source, dev_mode=dev_mode)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
