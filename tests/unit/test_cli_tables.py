"""What commands print fits the terminal, and does nothing to it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest

from asyncendpoints import cli
from asyncendpoints.commands.tables import pairs, table, width_of
from asyncendpoints.commands.times import parse_time
from tests.support.redis_server import free_port


def test_a_table_is_aligned_whatever_stands_in_it() -> None:
    """Wide characters take two columns, combining ones none, and what is not printable is escaped."""
    told = table(("NAME", "N"), [("報告", "1"), ("e\u0301te", "2"), ("\x1b]0;x\x07", "3"), ("", "4")], within=None)
    lines = told.splitlines()
    assert [width_of(line[: line.rindex(line[-1])]) for line in lines] == [14] * 5
    assert lines[3] == "\\x1b]0;x\\x07  3"


@pytest.mark.parametrize("within", [30, 40, 60])
def test_a_table_is_shortened_to_the_terminal(within: int) -> None:
    """The columns that may be, the widest first; an ellipsis says so."""
    told = table(
        ("JOB", "ENDPOINT", "ERROR"), [("12345", "build", "x" * 200)], within=within, shrinks=("ENDPOINT", "ERROR")
    )
    assert max(width_of(line) for line in told.splitlines()) == within
    assert "build" in told
    assert told.splitlines()[1].endswith("x…")


def test_a_terminal_that_is_too_narrow_still_shows_something() -> None:
    """No column shrinks to nothing."""
    told = table(("A", "B"), [("x" * 50, "y" * 50)], within=5, shrinks=("A", "B"))
    assert told.splitlines()[1] == "xxxxxxx…  yyyyyyy…"


def test_pairs_leave_out_what_is_not_there() -> None:
    """And escape the rest."""
    assert pairs([("a", "1\n2"), ("bcd", None), ("ef", "x")]) == "  a   1\\n2\n  ef  x\n"


def test_times_are_moments_or_ages() -> None:
    """In UTC where no zone is said."""
    at = parse_time("2026-11-23T14:30")
    assert datetime.fromtimestamp(at / 1000, UTC) == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    assert parse_time("2026-11-23T15:30+01:00") == at
    assert 7_199_000 < parse_time("0s") - parse_time("2h") < 7_201_000
    for wrong in ("yesterday", "2h30", "-5min", "", "9" * 30 + "d", "999999999d"):
        if wrong == "999999999d":
            assert parse_time(wrong) == 0
            continue
        with pytest.raises(argparse.ArgumentTypeError):
            parse_time(wrong)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["jobs", "list", "memory://"], 2),
        (["queues", "memory://"], 2),
        (["jobs", "show", "nowhere:jobs", "x"], 2),
        (["jobs", "list", "ftp://here"], 2),
        (["jobs", "list", "redis://:hush@127.0.0.1:{port}?timeout=0.2"], 1),
        (["queues", "redis://:hush@127.0.0.1:{port}?timeout=0.2"], 1),
        (["jobs", "cancel", "redis://:hush@127.0.0.1:{port}?timeout=0.2", "x"], 1),
    ],
)
def test_a_target_that_cannot_be_asked_is_told_in_a_line(
    command: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake is 2, a store that does not answer 1; the password stays unsaid."""
    assert cli.main([word.format(port=free_port()) for word in command]) == code
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "hush" not in told.err


@pytest.mark.parametrize("option", [["--limit", "0"], ["--limit", "x"], ["--state", "lost"], ["--since", "soon"]])
def test_a_filter_that_cannot_be_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """By argparse, with the exit code 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["jobs", "list", "memory://", *option])
    assert ended.value.code == 2
    assert option[0] in capsys.readouterr().err
