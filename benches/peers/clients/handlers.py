"""What every worker runs: the same three handlers, which tell the measurement what it must know.

Nothing but the standard library is imported here, for each peer has an environment of its own. Times are of the
monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

URL: Final = os.environ.get("BENCH_STORE_URL", "redis://127.0.0.1:6379/0")
"""Where jobs are."""
CONCURRENCY: Final = 100
"""How many jobs a worker runs at once."""
_FOLDER: Final = Path(os.environ.get("BENCH_FOLDER", "."))
STAMP: Final = _FOLDER / "stamp.json"
"""Written when the first job starts: when, in which process, and what that had cost so far."""
SAMPLES: Final = _FOLDER / "samples.txt"
"""A line for each pickup: its number, and its nanoseconds from before the enqueue to the handler's start."""

_TEXT: Final = "A hundred bytes, more or less, are what one job of this comparison brings."
_state = {"stamped": False}


def make_payload(number: int) -> dict[str, Any]:
    """Return a payload that is a hundred bytes of JSON where the number has five digits."""
    return {"number": number, "text": _TEXT}


def _stamp() -> None:
    _state["stamped"] = True
    found = {"at_ns": time.monotonic_ns(), "pid": os.getpid(), "cpu_s": time.process_time()}
    written = STAMP.with_suffix(f".{found['pid']}")
    written.write_text(json.dumps(found), encoding="utf-8")
    try:
        # A link is refused where there is one: of several workers the first one counts.
        os.link(written, STAMP)
    except FileExistsError:
        written.unlink()


def noop(payload: dict[str, Any]) -> int:
    """Do nothing, and return what the measurement can recognise."""
    if not _state["stamped"]:
        _stamp()
    number: int = payload["number"]
    return number


def pickup(payload: dict[str, Any]) -> int:
    """Tell how long the job has waited."""
    started = time.monotonic_ns()
    number: int = payload["number"]
    with SAMPLES.open("a", encoding="utf-8") as samples:
        samples.write(f"{number} {started - int(payload['text'])}\n")
    return number


def burn(payload: dict[str, Any]) -> int:
    """Use 5 ms of processor time, whatever else the machine does."""
    if not _state["stamped"]:
        _stamp()
    until = time.thread_time() + 0.005
    while time.thread_time() < until:
        pass
    number: int = payload["number"]
    return number
