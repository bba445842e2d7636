"""Install a wheel into a fresh environment and run a real job with it: `python -m checks.wheel dist`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path
from typing import Final

from tests.support.markdown import blocks
from tests.support.server import ROOT, Server

TAGS: Final = ("-cp311-abi3-", "manylinux")
SERVER: Final = ("uvicorn>=0.54",)


def wheel_in(folder: Path) -> Path:
    """Return the one wheel in a folder.

    Raises:
        SystemExit: There is not exactly one, or it is not an abi3 manylinux wheel.
    """
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"{folder} must hold one wheel, not {len(wheels)}")
    missing = [tag for tag in TAGS if tag not in wheels[0].name]
    if missing:
        raise SystemExit(f"{wheels[0].name} lacks {' and '.join(missing)}")
    return wheels[0]


def install(wheel: Path, home: Path) -> Path:
    """Make an environment with nothing but the wheel, FastAPI and a server; return its interpreter."""
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[fastapi]", *SERVER], check=True)
    return python


def run_a_job(python: Path, home: Path) -> dict[str, object]:
    """Serve the README's first application with that interpreter and return what its job resulted in."""
    (home / "myapp.py").write_text(blocks(ROOT / "README.md", "python")[0].text, encoding="utf-8")
    with Server([str(python), "-m", "uvicorn", "myapp:app", "--port", "0"], cwd=home) as server:
        request = urllib.request.Request(
            f"{server.url}/customers/7/reports",
            data=b'{"title": "Autumn"}',
            headers={"Content-Type": "application/json", "Prefer": "wait=30"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            result: dict[str, object] = json.load(answer)
        server.stop()
    return result


def main() -> int:
    """Check the wheel in the folder that is named; return 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m checks.wheel", description=__doc__)
    parser.add_argument("folder", type=Path)
    wheel = wheel_in(parser.parse_args().folder)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        result = run_a_job(install(wheel, home), home)
    if result != {"customer": 7, "title": "Autumn", "pages": 5}:
        print(f"{wheel.name}: the job resulted in {result}")
        return 1
    print(f"{wheel.name}: installed into a fresh environment, a job ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
