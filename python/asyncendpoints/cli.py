"""The command line: a process of its own that runs an application's jobs."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.app import AsyncEndpoints
from asyncendpoints.errors import AsyncEndpointsError, ConfigurationError
from asyncendpoints.lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

LEAVE_WITHIN: Final = 5.0
"""Seconds that what swallows its cancellation gets to end after the drain, before the process ends without it."""
STUCK: Final = 3
"""The exit code where it did not end."""

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; None takes them from the process.
    """
    options = _parser().parse_args(arguments)
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        jobs = find_jobs(options.target)
        return _run(work(jobs, options.concurrency, options.queues, lifespan=options.lifespan))
    except AsyncEndpointsError as error:
        sys.stderr.write(f"asyncendpoints: {error}\n")
        return 2


def _run(working: Coroutine[Any, Any, int]) -> int:
    """Run the command on an event loop of its own, and return its exit code.

    asyncio waits without end for tasks that swallow their cancellation, and for its executor's threads. Their jobs
    have been given back by then, so the process ends without them, a little later.
    """

    def give_up(loop: asyncio.AbstractEventLoop) -> None:
        left = [task.get_name() for task in asyncio.all_tasks(loop)]
        left += [thread.name for thread in threading.enumerate() if not thread.daemon]
        _log.error("ending the process although these tasks and threads still run: %s", ", ".join(left))
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STUCK)

    timers: list[threading.Timer] = []

    async def run() -> int:
        try:
            return await working
        finally:
            timer = threading.Timer(LEAVE_WITHIN, give_up, (asyncio.get_running_loop(),))
            timer.daemon = True
            timer.start()
            timers.append(timer)

    try:
        return asyncio.run(run())
    finally:
        for timer in timers:
            timer.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asyncendpoints", description="Durable asynchronous endpoints.")
    commands = parser.add_subparsers(required=True, metavar="command")
    worker = commands.add_parser(
        "worker",
        help="run the jobs of an application in this process",
        description="Run the jobs of an application in this process, within the application's lifespan.",
    )
    worker.add_argument("target", metavar="module:jobs", help="where the application's AsyncEndpoints is")
    worker.add_argument("--concurrency", type=int, help="how many jobs run at once; by default what the settings say")
    worker.add_argument("--queues", type=_names, help="the queues to work on, separated by commas")
    worker.add_argument(
        "--no-lifespan",
        dest="lifespan",
        action="store_false",
        help="leave the installed application's start-up and shutdown code out",
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def find_jobs(target: str) -> AsyncEndpoints:
    """Import the application's `AsyncEndpoints`.

    Args:
        target: `module:name`, looked for in the working directory first; the name may have dots.

    Raises:
        ConfigurationError: There is none there.
    """
    module_name, separator, path = target.partition(":")
    if not separator or not module_name or not path:
        raise ConfigurationError(f"the application must be given as module:name, such as myapp:jobs, not {target!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(f"there is no module {module_name!r} here or on the Python path") from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ConfigurationError(f"{module_name} has no {path!r}") from error
    if not isinstance(found, AsyncEndpoints):
        raise ConfigurationError(f"{target} is not an AsyncEndpoints but a {type(found).__name__}")
    return found


async def work(
    jobs: AsyncEndpoints, concurrency: int | None, queues: tuple[str, ...] | None, *, lifespan: bool = True
) -> int:
    """Run an application's jobs until SIGTERM or SIGINT, then drain.

    Args:
        jobs: The application's.
        concurrency: How many at once; None is what the settings say.
        queues: The queues to work on; None is what the settings say.
        lifespan: Whether the installed application's start-up and shutdown code runs around it.

    Returns:
        The process's exit code: 1 where the application's start-up or shutdown code failed, else 0.

    Raises:
        ConfigurationError: The store is not shared between processes, or a value cannot work.
        StoreUnavailable: The store does not answer.
    """
    traits = jobs.engine.store.traits
    if not traits.shared:
        raise ConfigurationError(
            f"the {traits.name} store cannot be seen by another process, so a worker of its own would find no jobs; "
            "let the application's own process work (worker=True), or use a store that processes share"
        )
    jobs.engine.override(worker=True, concurrency=concurrency, queues=queues)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    application = jobs.application
    if application is None or not lifespan:
        async with jobs:
            await told.wait()
        return 0
    running = Lifespan(application)
    if not await running.start():
        _log.error("the application could not start: %s", running.failure)
        return 1
    try:
        if not jobs.engine.started:
            raise ConfigurationError("the application's lifespan did not start the worker; run with --no-lifespan")
        await told.wait()
    finally:
        ended = await running.stop()
    if not ended:
        _log.error("the application could not shut down: %s", running.failure)
    return 0 if ended else 1
