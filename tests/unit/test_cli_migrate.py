"""`asyncendpoints migrate` takes the tables of an application's store, or of a URL, to a version."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, ConfigurationError, cli
from asyncendpoints._core import new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.later_release import later_release

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = """
from asyncendpoints import AsyncEndpoints
jobs = AsyncEndpoints({url!r})
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


def application(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"migrated_{new_job_id().replace('-', '_')}"
    (folder / f"{name}.py").write_text(APPLICATION.format(url=url), encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return f"{name}:jobs"


def test_an_application_and_its_url_are_the_same_target(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one has made the other finds, and each says what it did."""
    assert cli.main(["migrate", application(tmp_path, url, monkeypatch)]) == 0
    assert capsys.readouterr().out == "The tables are set up, in version 0001.\n"
    assert cli.main(["migrate", url]) == 0
    assert capsys.readouterr().out == "The tables have version 0001 already; nothing was to be done.\n"


def test_a_check_changes_nothing_and_tells_by_its_exit_code(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """4 where there are no tables or others than this release needs, 0 where they fit."""
    assert cli.main(["migrate", url, "--check"]) == 4
    assert capsys.readouterr().out == "There are no tables yet; this release makes those of version 0001.\n"
    assert cli.main(["migrate", url]) == 0
    assert cli.main(["migrate", url, "--check"]) == 0
    with later_release():
        assert cli.main(["migrate", url, "--check"]) == 4
        assert "have version 0001, and this release needs version 0002.\n" in capsys.readouterr().out
        assert cli.main(["migrate", url]) == 0
        assert cli.main(["migrate", url, "--check"]) == 0
    assert "were taken from version 0001 to version 0002.\n" in capsys.readouterr().out
    assert cli.main(["migrate", url, "--check"]) == 4


def test_the_way_back_is_asked_for_by_a_version(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--to` names it; `base` leaves no tables."""
    with later_release():
        assert [cli.main(["migrate", url, *more]) for more in ([], ["--to", "0001"], ["--to", "base"])] == [0, 0, 0]
        assert cli.main(["migrate", url, "--to", "base"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The tables are set up, in version 0002.",
        "The tables were taken from version 0002 to version 0001.",
        "The tables of version 0001 are dropped.",
        "There are no tables already; nothing was to be done.",
    ]


def test_statements_are_printed_and_not_executed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--sql` leaves the database as it is."""
    assert cli.main(["migrate", url, "--sql"]) == 0
    assert "CREATE TABLE asyncendpoints_jobs (" in capsys.readouterr().out
    assert cli.main(["migrate", url, "--check"]) == 4


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{url}", "--to", "0042"], "knows no version '0042' of the tables; it knows 0001, head and base"),
        (["{url}?prefix=a-b"], "prefix"),
        (["nowhere:jobs"], "no module"),
        (["ftp://host"], "'ftp' names none"),
    ],
)
def test_a_mistake_is_told_with_exit_code_2(
    words: list[str], why: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version, prefix, module or URL that cannot be meant is named."""
    assert cli.main(["migrate", *(word.replace("{url}", url) for word in words)]) == 2
    assert why in capsys.readouterr().err


def test_a_database_that_cannot_be_used_is_told_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says why."""
    assert cli.main(["migrate", f"sqlite:///{tmp_path}/no/such/place/jobs.db"]) == 1
    assert "could not be used: the file cannot be opened" in capsys.readouterr().err


async def test_a_store_without_tables_has_nothing_to_migrate(capsys: pytest.CaptureFixture[str]) -> None:
    """The memory store's command and method do nothing, so that an application can call it whatever its store is."""
    jobs = AsyncEndpoints("memory://")
    assert await jobs.migrate() is None
    with pytest.raises(ConfigurationError, match="memory store keeps jobs in no tables"):
        _ = jobs.metadata


def test_the_command_says_so_of_a_store_without_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0: a deployment's script need not ask which store it is."""
    assert cli.main(["migrate", "memory://"]) == 0
    assert capsys.readouterr().out == "This store has no tables, and nothing to migrate.\n"


def test_an_application_hands_out_its_tables(url: str) -> None:
    """`jobs.metadata` has the names that the URL gives them, and is the same each time."""
    jobs = AsyncEndpoints(f"{url}?prefix=shop_")
    assert jobs.metadata is jobs.metadata
    names = sorted(jobs.metadata.tables)
    assert {"shop_jobs", "shop_runs", "shop_version"} <= set(names)
    assert all(name.startswith("shop_") for name in names)
    assert isinstance(jobs.engine.store, SqlStore)


async def test_the_outbox_of_a_store_without_tables_has_them(url: str) -> None:
    """An application whose jobs are elsewhere migrates its outbox, and hands out its tables."""
    jobs = AsyncEndpoints("memory://", outbox=url)
    assert "asyncendpoints_outbox" in jobs.metadata.tables
    done = await jobs.migrate()
    assert done is not None
    assert (done.before, done.after) == (None, "0001")
