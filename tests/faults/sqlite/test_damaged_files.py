"""A file that is damaged, or none at all, is said to be so in a sentence: by every call, and by `fsck`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import StoreUnavailable
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.doctor import check, diagnose
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534
JOBS = 400
PAGE = 4096


async def make(path: Path) -> None:
    """Make a file with some jobs, all of it in the file itself."""
    store = SqlStore(f"sqlite:///{path}")
    await store.open()
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h", payload=b"x" * 500) for _ in range(JOBS)])
    await store.close()


def overwrite_the_middle(path: Path) -> None:
    """Write rubbish over pages of the tables, as a failing disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(8, size // PAGE - 4, 3):
            file.seek(page * PAGE)
            file.write(b"rubbish " * (PAGE // 8))


def cut_off(path: Path) -> None:
    """Keep only the first half of the pages, as a copy that was not finished does."""
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


def replace_by_a_letter(path: Path) -> None:
    """Put something else in the place."""
    path.write_bytes(b"somebody's letter " * 1_000)


def replace_by_a_directory(path: Path) -> None:
    """Put a directory in the place."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [overwrite_the_middle, cut_off])
async def test_a_damaged_file_is_told_by_fsck_and_by_whoever_meets_the_damage(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """SUB-1: `fsck` says that the file is damaged; what reads there fails in a sentence, and never with rubbish."""
    path = tmp_path / "jobs.db"
    await make(path)
    damage(path)
    found = await check(SqlStore(f"sqlite:///{path}"))
    assert found.exit_code in {1, 4}
    assert "the file is damaged" in " ".join([found.trouble or "", *found.findings])
    store = SqlStore(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="could not be used: the file is damaged"):
        await _read_all(store)
    await store.close()


async def _read_all(store: SqlStore) -> None:
    await store.open()
    cursor: str | None = None
    while True:
        page = await store.list(JobFilter(), cursor=cursor)
        cursor = page.cursor
        if cursor is None:
            return


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (replace_by_a_letter, "the file is no SQLite database"),
        (replace_by_a_directory, "the file cannot be opened; does its directory exist, and may it be written?"),
    ],
)
async def test_what_is_no_database_is_told(tmp_path: Path, damage: Callable[[Path], None], sentence: str) -> None:
    """SUB-1: What cannot be used at all is said to be so at the start, by `doctor` and by `fsck`, and left alone."""
    path = tmp_path / "jobs.db"
    await make(path)
    damage(path)
    before = _content(path)
    url = f"sqlite:///{path}"
    with pytest.raises(StoreUnavailable, match=r"jobs\.db could not be used: ") as told:
        await SqlStore(url).open()
    assert sentence in str(told.value)
    for found in (await diagnose(SqlStore(url)), await check(SqlStore(url))):
        assert found.exit_code == 1
        assert sentence in (found.trouble or "")
    assert _content(path) == before


def _content(path: Path) -> bytes | None:
    return None if path.is_dir() else path.read_bytes()


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """Be a user who may write nothing of root's, where this is root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


async def test_a_file_that_may_not_be_written_is_told() -> None:
    """SUB-1: Without the right to write, nothing is accepted, and the sentence says what is lacking."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "jobs.db"
        await make(path)
        _protect(path)
        with without_rights():
            with pytest.raises(StoreUnavailable, match=r"may not be written|may it be written"):
                await SqlStore(f"sqlite:///{path}").open()
            found = await check(SqlStore(f"sqlite:///{path}"))
        assert found.exit_code == 1
        assert "written" in (found.trouble or "")
        path.parent.chmod(0o700)


def _protect(path: Path) -> None:
    path.chmod(0o444)
    path.parent.chmod(0o555)
