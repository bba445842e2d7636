"""Worker processes serve their metrics and their health: each on a port of its own, one after the other."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.cli import main
from tests.support.processes import PATIENCE, ROOT, Process
from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = """
import os
from asyncendpoints import AsyncEndpoints

jobs = AsyncEndpoints(os.environ["STORE"], namespace=os.environ["NAMESPACE"])


@jobs.handler
async def work(): ...
"""


def page(port: int, path: str) -> str:
    """Return what is served there, once it is."""
    deadline = time.monotonic() + PATIENCE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_two_workers_serve_on_two_ports(redis_url: str, tmp_path: Path) -> None:
    """Each process counts for itself, so each is scraped; a supervisor has nothing to add."""
    (tmp_path / "myapp.py").write_text(APPLICATION, encoding="utf-8")
    first = free_port()
    options = ["--processes", "2", "--metrics-port", str(first)]
    path = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
    environment = {"STORE": redis_url, "NAMESPACE": f"metrics-{os.getpid()}", "PYTHONPATH": path}
    command = [sys.executable, "-m", "asyncendpoints", "worker", "myapp:jobs", *options]
    worker = Process(command, log=tmp_path / "log", environment=environment, cwd=tmp_path)
    try:
        for port in (first, first + 1):
            assert page(port, "/livez") == page(port, "/readyz") == '{"status":"ok"}'
            metrics = page(port, "/metrics")
            assert 'asyncendpoints_worker_slots{state="free"} 100.0' in metrics
            assert 'asyncendpoints_submissions_total{endpoint="work",result="created"} 0.0' in metrics
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
    finally:
        worker.kill()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "nine", ""])
def test_a_port_is_a_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["worker", "myapp:jobs", f"--metrics-port={port}"])
    assert ended.value.code == 2
    assert "must be a port from 1 to 65535" in capsys.readouterr().err


def test_processes_whose_last_port_would_be_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "myapp:jobs", "--processes", "10", "--metrics-port", "65530"]) == 2
    assert "65539" in capsys.readouterr().err
