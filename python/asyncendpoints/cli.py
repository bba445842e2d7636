"""The command line: what it is asked, and which family of commands answers."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, Final

from asyncendpoints.commands.examination import add_examination
from asyncendpoints.commands.exits import FAILED, MISUSED
from asyncendpoints.commands.jobs import add_jobs
from asyncendpoints.commands.migration import add_migration
from asyncendpoints.commands.queues import add_queues, in_full
from asyncendpoints.commands.worker import add_worker
from asyncendpoints.errors import AsyncEndpointsError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code of a Ctrl-C before anything has started, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; None takes them from the process.
    """
    options = _parser().parse_args(in_full(sys.argv[1:] if arguments is None else arguments))
    try:
        return options.run(options)
    except AsyncEndpointsError as error:
        sys.stderr.write(f"asyncendpoints: {error}\n")
        return MISUSED if isinstance(error, ConfigurationError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="asyncendpoints", description="Durable asynchronous endpoints.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for add in (add_worker, add_jobs, add_queues, add_examination, add_migration):
        add(commands)
    return parser
