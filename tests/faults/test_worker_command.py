"""Worker processes and servers of every kind share the jobs of one Redis, and lose none of them."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from asyncendpoints import AsyncEndpoints
from tests.support.processes import PATIENCE, Process
from tests.support.redis_server import RedisServer, free_port
from tests.support.running import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asyncendpoints import Job
    from tests.support.redis_stores import RedisStores

APPLICATION = "tests.support.served_jobs"


class Stage:
    """Starts processes on one namespace.

    Args:
        url: The Redis.
        namespace: The namespace.
        folder: Where their logs and the gate of held jobs are.
    """

    def __init__(self, url: str, namespace: str, folder: Path) -> None:
        self.gate = folder / "gate"
        self.jobs = AsyncEndpoints(url, namespace=namespace, worker=False)
        # Registered here too, because submissions name them; they run in the other processes.
        for name, queue in (("held", "default"), ("mail", "mail"), ("report", "reports")):
            self.jobs.handler(name, queue=queue)(lambda: None)
        self._folder = folder
        self._environment = {"JOBS_STORE": url, "JOBS_NAMESPACE": namespace, "JOBS_GATE": str(self.gate)}
        self._processes: list[Process] = []

    def start(self, *command: str, worker: str = "yes") -> Process:
        """Run a program of Python's."""
        log = self._folder / f"{len(self._processes)}.log"
        environment = {**self._environment, "JOBS_WORKER": worker}
        self._processes.append(Process([sys.executable, "-m", *command], log=log, environment=environment))
        return self._processes[-1]

    def workers(self, *options: str) -> Process:
        """Run the worker command."""
        return self.start("asyncendpoints", "worker", f"{APPLICATION}:jobs", *options, worker="no")

    def end(self) -> None:
        """End what was started."""
        for process in self._processes:
            process.kill()

    def holding(self) -> list[int]:
        """Return the processes that have begun to run a held job."""
        return [int(path.name.removeprefix("gate-")) for path in self._folder.glob("gate-*")]


@pytest.fixture
def stage(redis_url: str, redis_stores: RedisStores, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage, whose processes end with the test, and whose jobs can all be pruned then."""
    made = Stage(redis_url, redis_stores.make().namespace, tmp_path)
    yield made
    made.end()


def said(process: Process, pattern: str) -> re.Match[str]:
    """Return the match of a pattern in what a process says, once there is one."""
    deadline = time.monotonic() + PATIENCE
    while (found := re.search(pattern, process.output)) is None:
        assert process.running, process.output
        assert time.monotonic() < deadline, process.output
        time.sleep(0.01)
    return found


def answers(url: str) -> None:
    """Return once a server answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert httpx.get(f"{url}/livez", timeout=PATIENCE).status_code == 200
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


async def result(jobs: AsyncEndpoints, job: Job) -> Any:
    """Return the result of a job, once it has completed."""
    ended = await jobs.wait(job.job_id, PATIENCE)
    assert ended.state == "completed", ended
    return None if ended.result is None else json.loads(ended.result)


async def test_processes_share_the_jobs_and_drain_at_a_signal(stage: Stage) -> None:
    """With one slot each, two processes run two jobs at once; told to end, they finish them first."""
    command = stage.workers("--processes", "2", "--concurrency", "1")
    async with stage.jobs:
        submitted = [(await stage.jobs.submit("held")).job for _ in range(2)]
        await until(lambda: len(stage.holding()) == 2)
        os.kill(command.pid, signal.SIGTERM)
        await until(lambda: command.output.count("draining") == 2)
        stage.gate.touch()
        pids = [await result(stage.jobs, job) for job in submitted]
    assert sorted(pids) == sorted(stage.holding())
    assert command.wait() == 0, command.output
    assert command.output.count("redis store at redis://") == 2


async def test_the_jobs_of_a_killed_process_run_in_another(stage: Stage) -> None:
    """RES-1: After a lease and a sweep they run again, and the supervisor replaces the process."""
    command = stage.workers("--processes", "2", "--concurrency", "1")
    async with stage.jobs:
        job = (await stage.jobs.submit("held")).job
        await until(stage.holding)
        (first,) = stage.holding()
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(stage.holding()) == 2)
        stage.gate.touch()
        assert await result(stage.jobs, job) != first
        runs = (await stage.jobs.get(job.job_id)).runs
    assert [run.outcome for run in runs] == ["lost", "completed"]
    assert "ended with exit code 137 and is started again" in command.output


async def test_weights_rule_what_a_process_claims(stage: Stage) -> None:
    """One slot: three mails to each report, however much older the mails are."""
    async with stage.jobs:
        submitted = [(await stage.jobs.submit(name)).job for name in ("mail", "report") for _ in range(8)]
        command = stage.workers("--queues", "mail=3,reports=1", "--concurrency", "1")
        for job in submitted:
            await result(stage.jobs, job)
    assert stage.gate.read_text(encoding="utf-8") == "mmrmmmrmmmrrrrrr"
    assert "queues mail=3,reports=1, 1 jobs at once" in command.output


def gunicorn(stage: Stage) -> tuple[Process, str]:
    """Serve with gunicorn, whose master has imported the application before it forks."""
    options = ("--worker-class", "asgi", "--workers", "2", "--preload", "--no-control-socket", "--bind", "127.0.0.1:0")
    process = stage.start("gunicorn", f"{APPLICATION}:app", *options)
    return process, said(process, r"Listening at: (http://[0-9.]+:\d+)").group(1)


def uvicorn(stage: Stage) -> tuple[Process, str]:
    """Serve with uvicorn, whose processes import the application each for itself."""
    # With several processes it does not tell which port the system has chosen.
    process = stage.start("uvicorn", f"{APPLICATION}:app", "--workers", "2", "--port", str(free_port()))
    url = said(process, r"running on (http://[0-9.]+:\d+)").group(1)
    answers(url)  # It says so before its processes listen.
    return process, url


@pytest.mark.parametrize("serve", [gunicorn, uvicorn])
def test_server_processes_share_the_jobs(stage: Stage, serve: Callable[[Stage], tuple[Process, str]]) -> None:
    """Whichever process answers, a job is found, and is run by one that was forked or spawned for serving."""
    process, url = serve(stage)
    ran: list[dict[str, int]] = []
    for _ in range(10):
        # A connection for each request, so that both processes answer some.
        accepted = httpx.post(f"{url}/work", timeout=PATIENCE)
        assert accepted.status_code == 202, accepted.text
        job = httpx.get(accepted.json()["statusUrl"], headers={"Prefer": "wait=30"}, timeout=PATIENCE).json()
        assert job["status"] == "completed", job
        ran.append(job["result"])
    assert process.pid not in {each["pid"] for each in ran}
    if serve is gunicorn:
        assert {each["imported_by"] for each in ran} == {process.pid}
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == 0, process.output
    assert "Traceback" not in process.output


async def test_the_log_does_not_tell_a_password(redis_namespace: str, tmp_path: Path) -> None:
    """The line of the start names the server, the database and nothing secret."""
    with RedisServer() as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "&*", "+@all")
        url = server.url().replace("redis://", "redis://app:s3cret@")
        stage = Stage(url, redis_namespace, tmp_path)
        try:
            command = stage.workers()
            said(command, rf"redis store at redis://127\.0\.0\.1:{server.port}, database 0, namespace [^;]+; worker-")
            assert "s3cret" not in command.output
        finally:
            stage.end()
