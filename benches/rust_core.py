"""The core alone, in Rust: what criterion measures in `benches/rust`, on one core."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

from benches.results import Figure

ROOT: Final = Path(__file__).resolve().parent.parent
BATCH: Final = 100


def figures() -> list[Figure]:
    """Run criterion and return its medians as rates."""
    home = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "criterion"
    subprocess.run(
        [
            "cargo",
            "bench",
            "--locked",
            "--quiet",
            "-p",
            "asyncendpoints-core",
            "--bench",
            "cycle",
            "--",
            "--noplot",
        ],
        cwd=ROOT,
        env={**os.environ, "CRITERION_HOME": str(home)},
        check=True,
    )
    few, many = rate(home / "cycle" / "1000"), rate(home / "cycle" / "1000000")
    what = "Rust core: enqueue, claim and settle a job, batches of 100"
    return [
        Figure(what=f"{what}, 1,000 queued", value=few, unit="jobs/s", target=1_000_000),
        Figure(
            what=f"{what}, 1,000,000 queued",
            value=many,
            unit="jobs/s",
            target=0.5,
            peer="1,000 queued",
            peer_value=few,
        ),
    ]


def rate(folder: Path) -> float:
    """Return the jobs a second of one of criterion's results."""
    estimates: dict[str, Any] = json.loads((folder / "new" / "estimates.json").read_text(encoding="utf-8"))
    return BATCH / (estimates["median"]["point_estimate"] / 1e9)
