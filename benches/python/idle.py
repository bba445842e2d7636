"""What an idle worker costs: processor time of a server with nothing to do, and of a bare one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benches.results import Figure
from tests.support.server import Server

SETTLE: Final = 3.0
SECONDS: Final = 20.0


def processor_ms(process_id: int) -> float:
    """Return the processor time that a process has used so far, in milliseconds."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures() -> list[Figure]:
    """Let both servers stand idle side by side."""
    with (
        TemporaryDirectory() as directory,
        Server.uvicorn("examples.demo.app:app", environment={"DEMO_FILE": f"{directory}/demo.db"}) as ours,
        Server.uvicorn("benches.python.http_app:bare") as theirs,
    ):
        servers = (ours.process.pid, theirs.process.pid)
        time.sleep(SETTLE)
        before = [processor_ms(server) for server in servers]
        time.sleep(SECONDS)
        used = [(processor_ms(server) - then) / SECONDS for server, then in zip(servers, before, strict=True)]
    return [
        Figure(
            what="Idle: processor time of a server whose worker waits",
            value=used[0],
            unit="ms/s",
            peer="uvicorn alone",
            peer_value=used[1],
        )
    ]
