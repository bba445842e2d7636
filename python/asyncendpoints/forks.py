"""Whether this process is a fork of the one in which something was made."""

from __future__ import annotations

import os

_generation = 0


def generation() -> int:
    """Return a number that is another one in a forked child."""
    return _generation


def _forked() -> None:
    global _generation  # noqa: PLW0603 (one number for the process, changed by the fork alone)
    _generation += 1


if hasattr(os, "register_at_fork"):  # absent on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)
