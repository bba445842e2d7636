"""How much memory a queued job takes beyond its payload: the growth of a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from benches.results import Figure

JOBS: Final = 500_000
PAYLOAD: Final = 100


def figures() -> list[Figure]:
    """Queue many jobs in a process of their own."""
    command = [sys.executable, "-m", "benches.python.job_size"]
    grown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [
        Figure(
            what=f"Memory of a queued job beyond its payload, {JOBS:,} queued",
            value=grown / JOBS - PAYLOAD,
            unit="bytes",
            target=400,
            at_most=True,
        )
    ]


def resident() -> int:
    """Return this process's resident memory in bytes."""
    with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123 (one line of a small file)
        kilobytes = next(line for line in status if line.startswith("VmRSS:")).split()[1]
    return int(kilobytes) * 1024


def grow() -> int:
    """Queue the jobs and return by how much the process has grown."""
    from asyncendpoints._core import MemoryStore, NewJob, new_job_id

    store = MemoryStore()
    payload = b'"' + b"x" * (PAYLOAD - 2) + b'"'
    before = resident()
    for _ in range(JOBS // 100):
        store.enqueue([NewJob(job_id=new_job_id(), handler="build_report", payload=bytes(payload)) for _ in range(100)])
    return resident() - before


if __name__ == "__main__":
    print(grow())
