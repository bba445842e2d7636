"""What the documents show is what happens: Python blocks are run, tables name what exists."""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sqlite3
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.util._once import Once

import asyncendpoints
from asyncendpoints.policy import Policy
from asyncendpoints.problem_types import PROBLEM_BASE, PROBLEM_TYPES
from asyncendpoints.settings import Settings
from asyncendpoints.stores.redis_url import PARAMETERS
from tests.support.markdown import blocks, commands, first_cells, section, shows
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
REDIS_URL = "The URL of a Redis store"
PAGES = [page for page in sorted(DOCS.glob("**/*.md")) if blocks(page, "python")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
async def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page, one after the other, are a program that runs."""
    monkeypatch.chdir(tmp_path)
    # What a page sets up for all of its process is no other test's.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    await run_page(page)


async def run_page(page: Path) -> dict[str, Any]:
    """Run the blocks of a page, and return the names that they have made."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page, "python"):
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        running = eval(code, namespace)
        if inspect.isawaitable(running):
            await running
    return namespace


async def test_a_side_effect_in_a_database_is_committed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The booking of the page on side effects is written with its job's id when the handler has returned."""
    monkeypatch.chdir(tmp_path)
    page = await run_page(DOCS / "how-to" / "side-effects-once.md")
    async with page["jobs"] as jobs:
        submitted = await jobs.submit("book", path_params={"seat": "7"})
        job = await jobs.wait(submitted.job.job_id, timeout=30)
    assert (job.state, job.result) == ("completed", b'"7"'), job.error
    with contextlib.closing(sqlite3.connect("bookings.db")) as database:
        assert database.execute("select job_id, seat from bookings").fetchall() == [(job.job_id, "7")]


def test_the_tutorials_walk(tmp_path: Path) -> None:
    """The tutorial's application, saved and served as it says, answers its curl lines as it shows."""
    page = DOCS / "tutorial" / "first-endpoint.md"
    source = "\n".join(block.text for block in blocks(page, "python"))
    (tmp_path / "kitchen.py").write_text(source, encoding="utf-8")
    with Server.uvicorn("kitchen:app", "--app-dir", str(tmp_path)) as server:
        for block in blocks(page, "console"):
            for command in commands(block):
                printed = subprocess.run(
                    ["bash", "-euc", command.line.replace("http://127.0.0.1:8000", server.url)],
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=60,
                ).stdout
                expected = command.expected.replace("http://127.0.0.1:8000", server.url)
                assert shows(expected, printed), f"{command.line}\n{printed}"


def test_the_settings_page_is_complete() -> None:
    """Every setting, member of a policy and parameter of a URL has its row, and no row names anything else."""
    page = DOCS / "reference" / "settings.md"
    of_url = section(page, REDIS_URL)
    assert set(first_cells(of_url)) == set(PARAMETERS)
    known = {field.name for field in fields(Settings)} | {field.name for field in fields(Policy)} | {"name"}
    assert set(first_cells(page.read_text(encoding="utf-8").replace(of_url, ""))) == known


def test_the_problems_page_is_complete() -> None:
    """Every problem's code has its row, with its status."""
    page = (DOCS / "reference" / "problems.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", page, re.MULTILINE))
    assert rows == {code: str(problem.status) for code, problem in PROBLEM_TYPES.items()}
    assert PROBLEM_BASE in page


def test_the_api_page_is_complete() -> None:
    """Everything that the package exports is described."""
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    assert [name for name in asyncendpoints.__all__ if f"`{name}" not in page] == []


def test_decisions_are_listed() -> None:
    """The list of decisions names every page."""
    listing = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    pages = sorted(page.name for page in (DOCS / "adr").glob("0*.md"))
    assert re.findall(r"\((0\d{3}-[a-z-]+\.md)\)", listing) == pages
