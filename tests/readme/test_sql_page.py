"""What the page on SQL databases shows is what happens."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.doctor import check, diagnose
from asyncendpoints.stores.sql.counting import A_WHILE
from asyncendpoints.stores.sql.reading import PASSED_OVER
from asyncendpoints.stores.sql.sqlite_url import _PARAMETERS
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.markdown import Command, blocks, commands, first_cells, section, shows
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "how-to" / "sql.md"
COMMANDS = [command for block in blocks(PAGE, "console") for command in commands(block)]


def run(command: Command, folder: Path) -> str:
    """Run a line of the page, and return what it prints."""
    program, *words = shlex.split(command.line)
    if program == "sqlite3":
        file, statement = words
        with contextlib.closing(sqlite3.connect(folder / file, isolation_level=None)) as connection:
            connection.execute(statement.replace("INTO 'backup.db'", f"INTO '{folder}/backup.db'"))
        return ""
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
    # Where the tests' files are is not the reader's concern.
    return re.sub(r"Risk: The file is on .*\n {6}.*\n", "", done.stdout)


async def test_the_page_s_commands_print_what_it_shows(tmp_path: Path) -> None:
    """The page's application is saved, each command is run in its order, and the backup is a sound file."""
    (tmp_path / "myapp.py").write_text(blocks(PAGE, "python")[0].text, encoding="utf-8")
    for command in COMMANDS:
        printed = run(command, tmp_path)
        assert shows(command.expected, printed), f"{command.line}\n{printed}"
    assert (await check(SqlStore(f"sqlite:///{tmp_path}/backup.db"))).findings == []


def test_the_page_names_every_parameter() -> None:
    """The table of the URL has them all, and no other; and the bounds of what is read are the code's."""
    assert set(first_cells(section(PAGE, "The URL of a SQLite file"))) == set(_PARAMETERS)
    many = section(PAGE, "Millions of jobs that are done")
    assert f"looks at {PASSED_OVER:,} jobs more" in many
    assert f"counts for about {A_WHILE * 1000:.0f} ms" in many


@pytest.mark.parametrize("database", ["postgres_url", "mariadb_url"])
async def test_doctor_and_fsck_examine_servers(request: pytest.FixtureRequest, database: str) -> None:
    """On a real server `doctor` knows its version and what it does with a commit, and a new store is sound."""
    url: str = request.getfixturevalue(database)
    found = await diagnose(SqlStore(url, prefix="examined_"))
    assert found.reachable, found.trouble
    assert found.version is not None
    assert found.version.startswith(("postgresql ", "mariadb ", "mysql "))
    assert found.durability is not None
    assert all(risk.what and risk.remedy for risk in found.risks)
    assert (await check(SqlStore(url, prefix="examined_"))).findings == []
