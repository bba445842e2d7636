"""`asyncendpoints worker`: processes of their own that run an application's jobs."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
from typing import TYPE_CHECKING, Final

from asyncendpoints.commands.targets import TARGET, TARGET_HELP, find_jobs
from asyncendpoints.errors import ConfigurationError
from asyncendpoints.observability.json_lines import JsonFormatter
from asyncendpoints.processes import supervise
from asyncendpoints.settings import MAX_WEIGHT
from asyncendpoints.start_log import format_queues
from asyncendpoints.worker_command import run_worker

if TYPE_CHECKING:
    from asyncendpoints.commands.family import Commands

MAX_PROCESSES: Final = 1_000
MAX_PORT: Final = 65_535

LOG_FORMATS: Final = ("text", "json")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


def add_worker(commands: Commands) -> None:
    """Add the command."""
    worker = commands.add_parser(
        "worker",
        help="run the jobs of an application in processes of their own",
        description="Run the jobs of an application, within the application's lifespan.",
        epilog="Exit codes: 0 drained; 1 the application or its store failed; 2 a mistake in the command line or the "
        "configuration; 3 something that did not end was abandoned.",
    )
    worker.set_defaults(run=_work)
    worker.add_argument("target", metavar=TARGET, help=TARGET_HELP)
    worker.add_argument(
        "--concurrency", type=int, help="how many jobs a process runs at once; by default what the settings say"
    )
    worker.add_argument(
        "--queues",
        type=parse_queues,
        help="the queues to work on, separated by commas; with weights where slots are to be shared: "
        "default=3,reports=1",
    )
    worker.add_argument(
        "--processes", type=_parse_processes, default=1, help="how many processes; more than one have a supervisor"
    )
    worker.add_argument(
        "--no-lifespan",
        dest="lifespan",
        action="store_false",
        help="leave the installed application's start-up and shutdown code out",
    )
    worker.add_argument(
        "--log-level",
        type=str.upper,
        choices=LOG_LEVELS,
        help="what asyncendpoints logs: INFO has a line for each job that ends, WARNING one for each that fails; "
        "by default what the application has set up, else INFO",
    )
    worker.add_argument(
        "--log-format",
        choices=LOG_FORMATS,
        default="text",
        help="how the log is written where the application does not set up logging: lines of text, or of JSON",
    )
    worker.add_argument(
        "--metrics-port",
        type=_parse_port,
        help="serve /metrics, /livez and /readyz on this port; of several processes the second one has the next port, "
        "and so on",
    )
    worker.add_argument(
        "--metrics-host",
        default="127.0.0.1",
        help="the address for that port; by default this machine alone reaches it",
    )
    # What a supervisor tells its workers.
    worker.add_argument("--process-name", help=argparse.SUPPRESS)
    worker.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)


def _work(options: argparse.Namespace) -> int:
    _name_process(options.process_name or ("supervisor" if options.processes > 1 else "worker"))
    _set_up_logging(options.log_level, options.log_format)
    last_port = (options.metrics_port or 0) + options.processes - 1
    if options.metrics_port is not None and last_port > MAX_PORT:
        raise ConfigurationError(f"the last of {options.processes} processes would serve its metrics on {last_port}")
    if options.processes > 1:
        return supervise(options.processes, _workers_arguments(options), first_port=options.metrics_port)
    jobs = find_jobs(options.target)
    return run_worker(
        jobs,
        concurrency=options.concurrency,
        queues=options.queues,
        lifespan=options.lifespan,
        lifeline=options.lifeline,
        metrics=None if options.metrics_port is None else (options.metrics_host, options.metrics_port),
    )


def _name_process(name: str) -> None:
    # What `%(processName)s` shows in the log, also in one that the application sets up.
    multiprocessing.current_process().name = name


def _set_up_logging(level: str | None, style: str) -> None:
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        line = "%(asctime)s %(levelname)s %(processName)s[%(process)d] %(name)s: %(message)s"
        handler.setFormatter(JsonFormatter() if style == "json" else logging.Formatter(line))
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    if level is not None:
        # The library's own, so that it holds as well where the application sets up the rest later.
        logging.getLogger("asyncendpoints").setLevel(level)


def _workers_arguments(options: argparse.Namespace) -> list[str]:
    arguments = ["worker", options.target, "--log-format", options.log_format]
    if options.log_level is not None:
        arguments += ["--log-level", options.log_level.lower()]
    if options.concurrency is not None:
        arguments += ["--concurrency", str(options.concurrency)]
    if options.queues is not None:
        arguments += ["--queues", format_queues(options.queues)]
    if not options.lifespan:
        arguments.append("--no-lifespan")
    if options.metrics_port is not None:
        arguments += ["--metrics-host", options.metrics_host]
    return arguments


def _parse_processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PROCESSES:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_PROCESSES}, not {text!r}")
    return int(text)


def _parse_port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be a port from 1 to {MAX_PORT}, not {text!r}")
    return int(text)


def parse_queues(text: str) -> tuple[str, ...] | dict[str, int]:
    """Read what `--queues` says: names, or names with weights.

    Args:
        text: `default,reports` or `default=3,reports=1`; beside a queue with a weight, one without has the weight 1.

    Returns:
        The names, or the weight of each.

    Raises:
        argparse.ArgumentTypeError: A weight is no whole number, or a queue is named twice.
    """
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    names = tuple(name.strip() for name, _, _ in parts)
    if len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"names a queue twice: {text!r}")
    if not any(equals for _, equals, _ in parts):
        return names
    weights: dict[str, int] = {}
    for name, (_, equals, weight) in zip(names, parts, strict=True):
        if equals and not weight.strip().isdecimal():
            raise argparse.ArgumentTypeError(
                f"the weight of queue {name!r} must be a whole number from 1 to {MAX_WEIGHT}, not {weight.strip()!r}"
            )
        weights[name] = int(weight) if equals else 1
    return weights
