"""What the README says is what happens: its application is served and its commands are run."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.markdown import Command, blocks, commands, shows
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

README = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:8000"
PATIENCE = 60.0
CONSOLE = [command for block in blocks(README, "console") for command in commands(block)]
CURLS = [command for command in CONSOLE if command.line.startswith("curl ")]


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_demo(port: int, folder: Path) -> Server:
    """Serve the demo as the README says, with its file in a folder of the test's."""
    return Server(["make", "demo", f"PORT={port}"], environment={"DEMO_FILE": str(folder / "demo.db")})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the demo on a free port."""
    with make_demo(free_port(), tmp_path_factory.mktemp("demo")) as server:
        yield server


def test_every_command_is_known() -> None:
    """Besides curl there are `make demo`, and `make test`, which runs this; any other needs a test here."""
    assert [command.line for command in CONSOLE if command not in CURLS] == ["make demo", "make test"]
    assert {block.language for block in blocks(README)} == {"python", "console"}


def interrupt(server: Server) -> None:
    """Do what a terminal does at Ctrl-C: the signal goes to every process in front."""
    os.killpg(server.process.pid, signal.SIGINT)


def terminate(server: Server) -> None:
    """Do what a service manager does: make passes the signal on."""
    server.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("stop", [interrupt, terminate])
def test_the_demo_prints_what_the_readme_shows_and_stops_cleanly(
    stop: Callable[[Server], None], tmp_path: Path
) -> None:
    """`make demo` greets with its URL; Ctrl-C and SIGTERM end it in order."""
    (shown,) = [command for command in CONSOLE if command.line == "make demo"]
    port = free_port()
    with make_demo(port, tmp_path) as server:
        assert httpx.get(server.url + "/readyz").status_code == 200
        stop(server)
        server.wait()
    assert shows(shown.expected.replace("8000", str(port)), server.output)
    assert "The demo has ended." in server.output
    assert "Traceback" not in server.output


def seen(url: str, job: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Look at a job until the condition holds for it, and return it."""
    end = time.monotonic() + PATIENCE
    while True:
        found = httpx.get(url + job, headers={"Prefer": "wait=1"}, timeout=30).json()
        if condition(found):
            return found
        assert time.monotonic() < end, found


def test_the_jobs_of_a_killed_demo_go_on_when_it_is_started_again(tmp_path: Path) -> None:
    """Killed with SIGKILL in the middle of a report, the demo finishes it, and what had to wait, after a restart."""
    with make_demo(free_port(), tmp_path) as first:
        report = httpx.post(first.url + "/customers/7/reports", json={"title": "Autumn", "pages": 20})
        payment = httpx.post(first.url + "/payments", json={"amount": 1}, headers={"Idempotency-Key": "one"})
        jobs = [answer.headers["location"].removeprefix(first.url) for answer in (report, payment)]
        begun = seen(first.url, jobs[0], lambda job: job["progress"])
        assert begun["status"] == "in_progress"
        os.killpg(first.process.pid, signal.SIGKILL)
        first.wait()
    with make_demo(free_port(), tmp_path) as second:
        ended, paid = (seen(second.url, job, lambda job: job["finishedAt"]) for job in jobs)
    assert (ended["status"], paid["status"]) == ("completed", "completed")
    assert [attempt["outcome"] for attempt in ended["attempts"]] == ["lost", "completed"]


def test_a_taken_port_is_told_with_the_remedy() -> None:
    """Nobody has to read a traceback to learn that another server has the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "examples.demo", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"port {port} is taken; try another one: make demo PORT=")


def curl(line: str, url: str) -> str:
    """Run a curl line against a running demo and return what it prints."""
    ended = subprocess.run(
        ["bash", "-euc", line.replace(ADDRESS, url)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_walk_with_curl(demo: Server) -> None:
    """Every curl line of the README, in its order, prints what stands below it."""
    for command in CURLS:
        printed = curl(command.line, demo.url)
        assert shows(command.expected.replace(ADDRESS, demo.url), printed), f"{command.line}\n{printed}"


def test_the_demos_own_lines_work_as_printed(demo: Server) -> None:
    """The three lines that `make demo` prints can be pasted as they are."""
    lines = [line for line in demo.output.splitlines() if line.startswith("curl ")]
    assert len(lines) == 3
    submitted, streamed, profiled = (curl(line, demo.url) for line in lines)
    assert submitted.startswith("HTTP/1.1 202 Accepted")
    assert "event: done" in streamed
    assert '"rows":5' in profiled


def test_the_first_application(tmp_path: Path) -> None:
    """The application at the top is complete: served from a file of its own, it runs a job."""
    (source,) = blocks(README, "python")
    (tmp_path / "myapp.py").write_text(source.text, encoding="utf-8")
    with Server.uvicorn("myapp:app", "--app-dir", str(tmp_path)) as server:
        answer = httpx.post(
            f"{server.url}/customers/7/reports",
            json={"title": "Autumn"},
            headers={"Prefer": "wait=30"},
            timeout=60,
        )
        assert answer.status_code == 200
        assert answer.json() == {"customer": 7, "title": "Autumn", "pages": 5}


@pytest.mark.parametrize(
    "page", [README, *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("examples/**/*.md"))], ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page names a file that exists."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_commands_are_split_from_their_output() -> None:
    """The reader of console blocks keeps each command with what the page shows below it."""
    (first, second) = [command for block in blocks(README, "console")[:2] for command in commands(block)]
    assert first.line == "make demo"
    assert "The demo is running" in first.expected
    assert second == Command("make test", "")
