"""The command line's options say what they mean, and refuse what cannot work in one clear line."""

from __future__ import annotations

import logging
from argparse import ArgumentTypeError
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints.cli import main
from asyncendpoints.commands import worker
from asyncendpoints.commands.worker import parse_queues
from asyncendpoints.errors import StoreUnavailable
from asyncendpoints.settings import Settings, make_settings
from asyncendpoints.start_log import describe_start, format_queues
from asyncendpoints.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    """Give the library's loggers their level back, which `--log-level` sets."""
    logger = logging.getLogger("asyncendpoints")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("text", "queues"),
    [
        ("default", ("default",)),
        (" default , reports,", ("default", "reports")),
        ("default=3,reports=1", {"default": 3, "reports": 1}),
        ("default = 3, reports", {"default": 3, "reports": 1}),
        ("", ()),
    ],
)
def test_queues_are_names_or_names_with_weights(text: str, queues: Any) -> None:
    """One weight makes all of them weights; a queue beside it that has none has the weight 1."""
    assert parse_queues(text) == queues


@pytest.mark.parametrize("queues", [("default", "reports"), {"default": 3, "reports": 1}])
def test_queues_are_written_as_they_are_read(queues: Any) -> None:
    """What a supervisor hands to its workers is what it was given."""
    assert parse_queues(format_queues(queues)) == queues


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=x", "the weight of queue 'a' must be a whole number from 1 to 1000, not 'x'"),
        ("a=-1", "not '-1'"),
        ("a=,b", "not ''"),
        ("a,b,a", "names a queue twice"),
        ("a=1,a=2", "names a queue twice"),
    ],
)
def test_queues_that_make_no_sense_are_refused(text: str, said: str) -> None:
    """The error names the queue and what was given."""
    with pytest.raises(ArgumentTypeError, match=said):
        parse_queues(text)


@pytest.mark.parametrize("processes", ["0", "-1", "two", "1001", ""])
def test_a_count_of_processes_that_cannot_work_is_refused(processes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2, as for every mistake in the command line."""
    with pytest.raises(SystemExit) as ended:
        main(["worker", "myapp:jobs", f"--processes={processes}"])
    assert ended.value.code == 2
    assert "--processes: must be a whole number from 1 to 1000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "handed"),
    [
        ([], ["--log-format", "text"]),
        (
            ["--queues", "a=2,b", "--no-lifespan"],
            ["--log-format", "text", "--queues", "a=2,b=1", "--no-lifespan"],
        ),
        (
            ["--concurrency", "7", "--queues", "a,b", "--log-level", "WARNING", "--log-format", "json"],
            ["--log-format", "json", "--log-level", "warning", "--concurrency", "7", "--queues", "a,b"],
        ),
        (
            ["--metrics-port", "9100", "--metrics-host", "0.0.0.0"],
            ["--log-format", "text", "--metrics-host", "0.0.0.0"],
        ),
    ],
)
def test_several_processes_are_left_to_a_supervisor(
    options: list[str], handed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the number and the command line of each, and nothing of the application is imported here."""
    seen: list[tuple[int, list[str]]] = []

    def supervise(count: int, arguments: Sequence[str], *, first_port: int | None) -> int:
        assert first_port == (9100 if "--metrics-port" in options else None)
        seen.append((count, [*arguments]))
        return 7

    monkeypatch.setattr(worker, "supervise", supervise)
    assert main(["worker", "no_such_module:jobs", "--processes", "3", *options]) == 7
    assert seen == [(3, ["worker", "no_such_module:jobs", *handed])]


@pytest.mark.parametrize(("error", "code"), [(StoreUnavailable("no answer"), 1), (KeyboardInterrupt(), 130)])
def test_what_may_work_the_next_time_has_another_exit_code_than_a_mistake(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that does not answer is 1, so that a process manager tries again; a Ctrl-C is what shells have for it."""

    def find_jobs(target: str) -> None:
        raise error

    monkeypatch.setattr(worker, "find_jobs", find_jobs)
    assert main(["worker", "myapp:jobs"]) == code
    assert "Traceback" not in capsys.readouterr().err


TRAITS = replace(MemoryStore().traits, name="redis", address="redis://db:6379/0", durability="Jobs survive.")


@pytest.mark.parametrize(
    ("settings", "worker", "said"),
    [
        (Settings(), None, ": redis store at redis://db:6379/0; no worker. Jobs survive."),
        (Settings(), "worker-1f", "; worker-1f, queues default,mail, 100 jobs at once. Jobs survive."),
        (make_settings(queues={"mail": 3, "x": 1}, concurrency=5), "w", "; w, queues mail=3,x=1, 5 jobs at once. "),
        (make_settings(queues=("x",)), "w", "; w, queues x, 100 jobs at once. "),
    ],
)
def test_one_line_tells_what_starts(settings: Settings, worker: str | None, said: str) -> None:
    """Store, address, worker, queues with weights, concurrency, durability, and the process."""
    line = describe_start(TRAITS, settings, ("default", "mail"), worker)
    assert said in line
    assert line.startswith("started in ")
    assert "\n" not in line


def test_a_store_that_is_nowhere_else_has_no_address() -> None:
    """The memory store's line names none."""
    assert ": memory store; " in describe_start(MemoryStore().traits, Settings(), (), None)
