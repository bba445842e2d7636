"""The command line runs an application's jobs in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = """
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette

from asyncendpoints import AsyncEndpoints
from asyncendpoints.stores.memory import MemoryStore


class SharedStore(MemoryStore):
    # It is in truth not shared; what the command does with a store that is can be seen all the same.
    @property
    def traits(self):
        return replace(super().traits, shared=True)


@asynccontextmanager
async def lifespan(app):
    print("startup", flush=True)
    {fail}
    yield
    print("shutdown", flush=True)


jobs = AsyncEndpoints(SharedStore(), worker=False)
app = Starlette(lifespan=lifespan)
jobs.install(app)
memory = AsyncEndpoints("memory://")
number = 5


@jobs.handler
async def work():
    print("worked", jobs.settings.concurrency, jobs.settings.queues, flush=True)
"""

SUBMIT = """
import asyncio
from asyncendpoints.worker import Worker
from myapp import jobs
started = Worker.__init__
def start(self, *arguments):
    started(self, *arguments)
    asyncio.get_running_loop().create_task(jobs.submit("work"))
Worker.__init__ = start
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with an application in it."""
    (tmp_path / "myapp.py").write_text(APPLICATION.format(fail=""))
    (tmp_path / "broken.py").write_text(APPLICATION.format(fail="raise RuntimeError('no database')"))
    (tmp_path / "busy.py").write_text(SUBMIT)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before
    for module in ("myapp", "broken", "busy"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("myapp", "module:name"),
        (":jobs", "module:name"),
        ("nowhere:jobs", "no module 'nowhere'"),
        ("myapp:nothing", "has no 'nothing'"),
        ("myapp:number", "is not an AsyncEndpoints but a int"),
        ("myapp:memory", "the memory store cannot be seen by another process"),
    ],
)
def test_what_cannot_be_worked_on_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], target: str, said: str
) -> None:
    """The exit code is 2, and one line says why."""
    assert main(["worker", target]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("asyncendpoints: ")
    assert error.count("\n") == 1


def test_a_setting_that_cannot_work_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options are checked like settings."""
    assert main(["worker", "myapp:jobs", "--concurrency", "0"]) == 2
    assert "concurrency" in capsys.readouterr().err


def run(project: Path, *options: str) -> tuple[list[str], str, int]:
    """Run the command until it has worked, send SIGTERM, and return what it printed, logged and returned."""
    program = "import busy, sys; from asyncendpoints.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, "worker", "myapp:jobs", *options],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("worked"):
                break
        process.send_signal(signal.SIGTERM)
        rest, error = process.communicate(timeout=30)
        return [*lines, *rest.split("\n")[:-1]], error, process.returncode


def test_a_worker_runs_within_the_applications_lifespan_until_it_is_told_to_end(project: Path) -> None:
    """Start-up code, then the worker, though the application itself has worker=False; then shutdown code."""
    printed, log, code = run(project, "--concurrency", "3", "--queues", "default,reports")
    assert (printed, code) == (["startup", "worked 3 ('default', 'reports')", "shutdown"], 0), log
    assert "queues default,reports, 3 jobs at once. Jobs live in" in log
    assert log.index("draining") < log.index("ended")


def test_the_lifespan_can_be_left_out(project: Path) -> None:
    """`--no-lifespan` runs the worker alone."""
    printed, log, code = run(project, "--no-lifespan")
    assert (printed, code) == (["worked 100 None"], 0), log


def test_the_log_level_is_chosen_on_the_command_line(project: Path) -> None:
    """With `--log-level warning` a worker whose jobs go well says nothing."""
    printed, log, code = run(project, "--log-level", "warning", "--concurrency", "3", "--queues", "default,reports")
    assert (printed[1], code, log) == ("worked 3 ('default', 'reports')", 0, "")


def test_a_start_up_that_fails_ends_the_command(project: Path) -> None:
    """The exit code is 1, and the log says what the application said."""
    done = subprocess.run(
        [sys.executable, "-m", "asyncendpoints", "worker", "broken:jobs"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "the application could not start" in done.stderr
    assert "no database" in done.stderr


STUCK = """
import asyncio
from stuck_work import SharedStore
from asyncendpoints import AsyncEndpoints, worker_command

worker_command.LEAVE_WITHIN = 0.2
jobs = AsyncEndpoints(SharedStore(), shutdown_grace=0.0)


@jobs.handler
async def stuck():
    print("worked", flush=True)
    {how}
"""


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("while True:\n        try: await asyncio.Event().wait()\n        except asyncio.CancelledError: pass", "-"),
        ("import time; await asyncio.to_thread(time.sleep, 3600)", "asyncio_0"),
    ],
    ids=["swallows its cancellation", "blocks an executor"],
)
def test_a_handler_that_never_ends_does_not_keep_the_process(project: Path, how: str, named: str) -> None:
    """The command ends some seconds after the drain, says so in its log, and has an exit code of its own."""
    (project / "stuck_work.py").write_text(APPLICATION.format(fail=""))
    (project / "myapp.py").write_text(STUCK.format(how=how))
    (project / "busy.py").write_text(SUBMIT.replace('submit("work")', 'submit("stuck")'))
    printed, log, code = run(project, "--no-lifespan")
    assert (printed, code) == (["worked"], 3), log
    assert "ending the process although" in log
    assert named in log
    assert log.index("ended") < log.index("ending the process")
