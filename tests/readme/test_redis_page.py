"""What the page on Redis shows is what happens on a real one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import valkey

from asyncendpoints import AsyncEndpoints, JobContext
from asyncendpoints.doctor import check, diagnose
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.redis import RedisStore
from tests.support.markdown import Command, blocks, commands, first_cells, section, shows
from tests.support.redis_server import RedisServer
from tests.support.running import ended
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs" / "how-to" / "redis.md"
COMMANDS = [command for block in blocks(PAGE, "console") for command in commands(block)]
FAR = 4_000_000_000_000
"""A time, in milliseconds, at which every retention of today's jobs is over."""
SHOWN = "127.0.0.1:6379"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Return a server as it is when it has just been installed."""
    with RedisServer() as server:
        with server.client() as client:
            client.config_set("save", "3600 1 300 100 60 10000")
        yield server


def run(command: Command, server: RedisServer, folder: Path) -> str:
    """Run a line of the page, and return what it prints."""
    program, *words = shlex.split(command.line)
    if program == "redis-cli":
        with valkey.Valkey(port=server.port, decode_responses=True) as client:
            answer = client.execute_command(*words)
        return "OK\n" if answer is True else f"{answer}\n"
    assert program == "asyncendpoints", command.line
    done = subprocess.run(
        [sys.executable, "-m", program, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, 4}, done.stderr
    return done.stdout


def test_the_page_s_commands_print_what_it_shows(server: RedisServer, tmp_path: Path) -> None:
    """The page's application is saved, and each command is run in its order."""
    source = blocks(PAGE, "python")[0].text.replace(SHOWN, f"127.0.0.1:{server.port}")
    (tmp_path / "myapp.py").write_text(source, encoding="utf-8")
    for command in COMMANDS:
        printed = run(command, server, tmp_path)
        assert shows(command.expected, printed), f"{command.line}\n{printed}"


async def test_the_user_of_the_page_may_do_what_the_store_does(server: RedisServer, tmp_path: Path) -> None:
    """The rights that the page gives are enough for jobs, a listing, a prune, `doctor` and `fsck`.

    Nothing is refused but the name that clients give newer servers. The keys that are there meanwhile are those of the
    page's table.
    """
    (grant,) = (command for command in COMMANDS if " ACL SETUSER " in command.line)
    run(grant, server, tmp_path)
    url = f"redis://shop:a-long-secret@127.0.0.1:{server.port}/0?namespace=shop"
    jobs = AsyncEndpoints(url)

    @jobs.handler("work")
    async def work(job: JobContext[str]) -> str:
        await job.progress(50, "half")
        await job.once("mail", lambda: None)
        return job.payload

    async with jobs:
        job = await ended(jobs, "work", "x" * 5_000, idempotency_key="one")
        assert job.state == "completed", job.error
        later = await jobs.submit("work", "x", delay=60.0)
        assert (await jobs.get(later.job.job_id)).state == "scheduled"
        with server.client() as client:
            kinds = {key.decode().split(":")[1] for key in client.scan_iter()}
        assert kinds <= {word.split(":")[0] for word in first_cells(section(PAGE, "Namespaces"))}
        await jobs.cancel(later.job.job_id)
        assert len((await jobs.engine.store.list(JobFilter())).jobs) == 2
        assert await jobs.engine.store.prune(limit=10, now=FAR) == 2
    store = RedisStore(url)
    assert (await check(store)).findings == []
    assert (await diagnose(store)).version is not None
    with server.client() as client:
        refused = [str(entry) for entry in client.execute_command("ACL", "LOG")]
    assert [entry for entry in refused if "client|setinfo" not in entry] == []
