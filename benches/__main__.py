"""Run benchmarks, keep the results, print the ratios: all, or `python -m benches core http`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Final

from benches import report
from benches.results import save

if TYPE_CHECKING:
    from benches.results import Figure

BENCHMARKS: Final = {
    "core": ("1-core", "benches.rust_core"),
    "memory": ("2-memory", "benches.python.job_size"),
    "worker": ("3-worker", "benches.python.end_to_end"),
    "taskiq": ("4-taskiq", "benches.peers.taskiq_memory"),
    "http": ("5-http", "benches.python.http_submit"),
    "idle": ("6-idle", "benches.python.idle"),
    "metrics": ("9-metrics", "benches.python.metrics_cost"),
    "finished": ("8-finished", "benches.python.finished_jobs"),
    "dashboard": ("9-dashboard", "benches.python.dashboard"),
}
"""For each name its result file, in the order of the README's table, and a module with `figures()`."""


def main() -> int:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which to run, of {', '.join(BENCHMARKS)}; all where none is named")
    names: list[str] = parser.parse_args().names or [*BENCHMARKS]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark named {unknown[0]}")
    for name in names:
        file, module = BENCHMARKS[name]
        print(f"{name} …", flush=True)
        figures: list[Figure] = importlib.import_module(module).figures()
        path = save(file, figures)
        for figure in figures:
            print("  " + report.line(figure))
        print(f"  kept in {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
