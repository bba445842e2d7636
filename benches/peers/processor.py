"""Processor time of other processes."""

from __future__ import annotations

import os
from pathlib import Path

from benches.python.idle import processor_ms


def cpu(pid: int) -> float:
    """Return the processor time that a process has used so far, in seconds."""
    return processor_ms(pid) / 1000


def cpu_of_all(pid: int) -> float:
    """Return the same of a process and all that descend from it."""
    used = cpu(pid)
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="utf-8").split():
            try:
                used += cpu_of_all(int(child))
            except FileNotFoundError:  # it has just ended
                continue
    return used


def cpu_of_ended(pid: int) -> float:
    """Return the processor time of the process's children that have ended, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
