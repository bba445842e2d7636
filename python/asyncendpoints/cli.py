"""The command line: a process of its own that runs an application's jobs."""

from __future__ import annotations


def main() -> int:
    """Run the command line."""
    raise SystemExit(2)
