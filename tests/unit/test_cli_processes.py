"""A supervisor keeps worker processes running, ends them as it was told, and never outlives its use."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 60.0
"""Seconds to wait for processes on a busy machine before a test fails."""

APPLICATION = """
import asyncio, os, sys
from dataclasses import replace
from asyncendpoints import AsyncEndpoints, worker_command
from asyncendpoints.stores.memory import MemoryStore

worker_command.LEAVE_WITHIN = 2.0


def say(word):
    # In one piece, for the processes share the pipe.
    os.write(1, f"{{word}} {{os.getpid()}}\\n".encode())


class SharedStore(MemoryStore):
    # It is in truth not shared; what the command does with a store that is can be seen all the same.
    @property
    def traits(self):
        return replace(super().traits, shared=True)

    def subscribe(self, *arguments):
        asyncio.get_running_loop().create_task(jobs.submit("work"))
        return super().subscribe(*arguments)


jobs = AsyncEndpoints(SharedStore(), shutdown_grace=3600.0)
{module}


@jobs.handler
async def work():
    say("works")
    {body}
"""

IDLE = ""
AWAY = """
from pathlib import Path
from starlette.applications import Starlette
from asyncendpoints import StoreUnavailable

class AwayStore(SharedStore):
    async def open(self):
        if not Path("there").exists():
            raise StoreUnavailable("nobody is there")
        await super().open()

jobs = AsyncEndpoints(AwayStore(), shutdown_grace=3600.0)
if os.getpid() % 2:
    jobs.install(Starlette())
"""
UNTIL_DRAIN = """while not jobs.engine.draining:
        await asyncio.sleep(0.001)
    say("drained")"""
FOR_EVER = """try:
        await asyncio.Event().wait()
    finally:
        say("released")"""


class Command:
    """A running `asyncendpoints worker`, and what it prints and logs.

    Args:
        project: The directory of the application.
        options: What follows the application on the command line.
    """

    def __init__(self, project: Path, *options: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "worker", "myapp:jobs", *options],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += iter(self.process.stdout.readline, "")

    @property
    def output(self) -> str:
        """What it has said so far."""
        return "".join(self.lines)

    def pids(self, word: str) -> list[int]:
        """Return the processes whose handlers have said this."""
        return [int(pid) for pid in re.findall(rf"^{word} (\d+)$", self.output, re.MULTILINE)]

    def until(self, condition: Callable[[], object]) -> None:
        """Return once the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.005)

    def ended(self) -> int:
        """Return its exit code, once all its processes have ended."""
        code = self.process.wait(PATIENCE)
        # Workers that still ran would keep the other end of the pipe open.
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), self.output
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


PROGRAM = """
import sys
from asyncendpoints import cli, processes
processes.FIRST_PAUSE = 0.01
processes.LEAVE_WITHIN = 2.0
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Return what starts the command on an application with one handler."""
    commands: list[Command] = []

    def start(body: str, *options: str, module: str = "") -> Command:
        (tmp_path / "myapp.py").write_text(APPLICATION.format(body=body, module=module))
        commands.append(Command(tmp_path, *options))
        return commands[-1]

    yield start
    for command in commands:
        with command:
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_every_worker(start: Callable[..., Command], number: signal.Signals) -> None:
    """SHD-1: Handlers end, each worker ends well, and so does the supervisor; the log says which process speaks."""
    command = start(UNTIL_DRAIN, "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    command.process.send_signal(number)
    assert command.ended() == 0, command.output
    assert sorted(command.pids("drained")) == sorted(set(command.pids("works")))
    for name, pid in zip(("worker-1", "worker-2"), range(2), strict=True):
        assert re.search(rf"INFO {name}\[\d+\] asyncendpoints", command.output), pid
    assert f"INFO supervisor[{command.process.pid}] " in command.output


def test_one_signal_to_the_whole_group_is_one_signal(start: Callable[..., Command]) -> None:
    """A Ctrl-C reaches supervisor and workers alike, and is not taken for a second one."""
    body = UNTIL_DRAIN.replace("say(", "await asyncio.sleep(0.3)\n    say(")
    command = start(body, "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    os.killpg(command.process.pid, signal.SIGINT)
    assert command.ended() == 0, command.output
    assert len(command.pids("drained")) == 2


def test_a_second_signal_leaves_at_once(start: Callable[..., Command]) -> None:
    """SHD-1: Handlers that would have an hour are given back, and all is over."""
    command = start(FOR_EVER, "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    command.process.send_signal(signal.SIGTERM)
    command.until(lambda: command.output.count("draining") == 2)
    assert command.pids("released") == []
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 0, command.output
    assert sorted(command.pids("released")) == sorted(command.pids("works"))


def test_a_worker_that_dies_is_started_again(start: Callable[..., Command]) -> None:
    """The other one goes on meanwhile."""
    command = start(IDLE, "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    first, second = command.pids("works")
    os.kill(first, signal.SIGKILL)
    command.until(lambda: len(command.pids("works")) == 3)
    assert second not in command.pids("works")[2:]
    assert "ended with exit code 137 and is started again" in command.output
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 0, command.output


def test_workers_that_die_at_once_are_given_up(start: Callable[..., Command]) -> None:
    """After five times in a row the others drain, and the exit code is the worker's."""
    command = start(IDLE, "--processes", "2", module="if sys.argv[-1]: os._exit(9)")
    assert command.ended() == 9, command.output
    assert "ended 5 times soon after its start, giving up" in command.output


def test_workers_are_tried_again_until_their_store_answers(start: Callable[..., Command], tmp_path: Path) -> None:
    """A store that is away for a while ends no supervisor, with the application's lifespan or without."""
    command = start(IDLE, "--processes", "2", module=AWAY)
    command.until(lambda: command.output.count("is started again") > 10)
    assert "giving up" not in command.output
    assert "Traceback" not in command.output
    (tmp_path / "there").touch()
    command.until(lambda: len(command.pids("works")) == 2)
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 0, command.output


def test_a_configuration_that_cannot_work_is_not_tried_again(start: Callable[..., Command]) -> None:
    """The exit code is 2, and the worker's line says why."""
    command = start(IDLE, "--processes", "2", module="jobs = AsyncEndpoints('memory://')")
    assert command.ended() == 2, command.output
    assert "the memory store cannot be seen by another process" in command.output
    assert "cannot work as it is configured, giving up" in command.output
    assert "is started again" not in command.output


def test_workers_drain_when_their_supervisor_is_no_more(start: Callable[..., Command]) -> None:
    """A supervisor that is killed leaves no worker behind."""
    command = start(UNTIL_DRAIN, "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    command.process.kill()
    command.ended()
    assert sorted(command.pids("drained")) == sorted(command.pids("works"))
    assert command.output.count("the supervisor is gone, draining") == 2


def test_a_worker_that_does_not_leave_is_killed(start: Callable[..., Command]) -> None:
    """One that blocks its event loop for good hears nothing; after the second signal its time is bounded."""
    command = start("import time; time.sleep(3600)", "--processes", "2")
    command.until(lambda: len(command.pids("works")) == 2)
    for count in (1, 2):
        command.process.send_signal(signal.SIGTERM)
        command.until(lambda: command.output.count("SIGTERM received") == count)  # noqa: B023 (called at once)
    assert command.ended() == 128 + signal.SIGKILL, command.output
    assert "does not leave and is killed" in command.output


def test_start_up_code_that_hangs_does_not_outlive_a_second_signal(start: Callable[..., Command]) -> None:
    """A process without supervisor ends itself some seconds later, with an exit code of its own."""
    module = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette

@asynccontextmanager
async def lifespan(app):
    say("hangs")
    await asyncio.Event().wait()
    yield

jobs.install(Starlette(lifespan=lifespan))
"""
    command = start(IDLE, module=module)
    command.until(lambda: command.pids("hangs"))
    command.process.send_signal(signal.SIGTERM)
    command.process.send_signal(signal.SIGINT)
    assert command.ended() == 3, command.output
    assert "ending the process although" in command.output


def test_sigquit_is_left_alone(start: Callable[..., Command]) -> None:
    """It ends the process at once, as it does any other."""
    command = start(FOR_EVER)
    command.until(lambda: command.pids("works"))
    command.process.send_signal(signal.SIGQUIT)
    assert command.ended() == -signal.SIGQUIT
    assert command.pids("released") == []
