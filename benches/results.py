"""What a measurement leaves behind: one JSON file for each benchmark in `benches/results`."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, and what it was measured against in the same run.

    Args:
        what: What was measured, in a line for the README.
        value: The median of the repeats.
        unit: What it counts, such as `jobs/s`.
        repeats: Every repeat.
        target: The bound that the ratio should keep, or the value where there is no peer; None for no bound.
        at_most: Whether the target is an upper bound.
        peer: What it is compared with.
        peer_value: The peer's median, in the same unit.
        peer_repeats: The peer's repeats.
    """

    what: str
    value: float
    unit: str
    repeats: list[float] = field(default_factory=list[float])
    target: float | None = None
    at_most: bool = False
    peer: str | None = None
    peer_value: float | None = None
    peer_repeats: list[float] = field(default_factory=list[float])

    @property
    def ratio(self) -> float | None:
        """The value as a share of the peer's, or None without a peer."""
        return None if not self.peer_value else self.value / self.peer_value

    @property
    def met(self) -> bool | None:
        """Whether the target is kept; None where there is none."""
        if self.target is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured <= self.target if self.at_most else measured >= self.target


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def save(name: str, figures: list[Figure], *, folder: Path = RESULTS, peers: dict[str, Any] | None = None) -> Path:
    """Write a benchmark's figures and return the file.

    Args:
        name: The benchmark, and the file.
        figures: What was measured of this library.
        folder: Where to.
        peers: All that was measured of all peers, where several stand side by side.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    record = {
        "name": name,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
        **({} if peers is None else {"peers": peers}),
    }
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load() -> dict[str, tuple[dict[str, Any], list[Figure]]]:
    """Return every committed result: its record, and its figures."""
    found: dict[str, tuple[dict[str, Any], list[Figure]]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found[record["name"]] = (record, [Figure(**figure) for figure in record["figures"]])
    return found
