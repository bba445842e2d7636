"""The peers' own environments, from pinned versions: made once, and again where the pins change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
CACHE: Final = HERE.parent / ".cache"


def _is_current(stamp: Path, *pins: Path) -> bool:
    """Return whether the environment was made of these pins; if not, forget the stamp."""
    if stamp.exists() and stamp.read_text(encoding="utf-8") == _digest(*pins):
        return True
    stamp.unlink(missing_ok=True)
    return False


def _digest(*pins: Path) -> str:
    return hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()


def python_of(name: str) -> str:
    """Return the interpreter of a Python peer's environment, which is made where it is missing."""
    pins = HERE / "requirements" / f"{name}.txt"
    place = CACHE / "venvs" / name
    python = place / "bin" / "python"
    stamp = place / ".made"
    if not _is_current(stamp, pins):
        print(f"making the environment of {name} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", pins], check=True)
        subprocess.run([python, "-m", "pip", "check"], check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(_digest(pins), encoding="utf-8")
    return str(python)


def bullmq() -> Path:
    """Return the directory that BullMQ's scripts run in, with its packages installed.

    Raises:
        RuntimeError: Node is missing.
    """
    source = HERE / "bullmq"
    place = CACHE / "bullmq"
    pins = [source / "package.json", source / "package-lock.json"]
    stamp = place / ".made"
    if not _is_current(stamp, *pins):
        if shutil.which("npm") is None:
            raise RuntimeError("BullMQ needs Node: install node and npm, or leave it out with --only")
        print("making the environment of bullmq …", flush=True)
        place.mkdir(parents=True, exist_ok=True)
        for pin in pins:
            shutil.copy(pin, place)
        subprocess.run(["npm", "ci", "--loglevel", "error", "--no-audit", "--no-fund"], cwd=place, check=True)
        stamp.write_text(_digest(*pins), encoding="utf-8")
    # Node looks for packages beside the script that imports them.
    for script in source.glob("*.mjs"):
        shutil.copy(script, place)
    return place
