"""Applications that run alembic themselves: what the page on migrations tells them to do works."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asyncendpoints.stores.sql.store import SqlStore
from tests.support.markdown import blocks
from tests.support.server import ROOT
from tests.support.sql_shapes import shape

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.sql_databases import SqlDatabase

PAGE = ROOT / "docs" / "how-to" / "migrations.md"
BOTH = "target_metadata = [Base.metadata, jobs.metadata]"
MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from asyncendpoints import AsyncEndpoints

jobs = AsyncEndpoints({url!r})

class Base(DeclarativeBase):
    pass

class Customer(Base):
    __tablename__ = "customers"
    number: Mapped[int] = mapped_column(primary_key=True)
"""


class Project:
    """An application's own migrations, begun with `alembic init`.

    Args:
        folder: Where it is.
        database: What it migrates.
        url: The store's URL.
    """

    def __init__(self, folder: Path, database: SqlDatabase, url: str) -> None:
        self._folder = folder
        (folder / "myapp.py").write_text(MODELS.format(url=url), encoding="utf-8")
        self.run("init", "migrations")
        settings = folder / "alembic.ini"
        own = database.engine.url.render_as_string(hide_password=False).replace("%", "%%")
        text = settings.read_text(encoding="utf-8")
        assert "driver://user:pass@localhost/dbname" in text
        settings.write_text(text.replace("driver://user:pass@localhost/dbname", own), encoding="utf-8")

    def edit(self, target: str, *, functions: str = "", options: str = "") -> None:
        """Change `env.py`: its target, functions of its own, and options of `context.configure`."""
        env = self._folder / "migrations" / "env.py"
        text = env.read_text(encoding="utf-8")
        assert text.count("target_metadata = None") == 1
        text = text.replace("target_metadata = None", f"from myapp import Base, jobs\n{target}\n{functions}")
        assert text.count("target_metadata=target_metadata") == 2
        env.write_text(text.replace("target_metadata=target_metadata", f"target_metadata=target_metadata{options}"))

    def run(self, *words: str) -> str:
        """Run alembic's command, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def written(self) -> str:
        """Return the text of the one revision."""
        (path,) = (self._folder / "migrations" / "versions").glob("*.py")
        return path.read_text(encoding="utf-8")


def look(database: SqlDatabase, **where: Any) -> dict[str, Any]:
    with database.engine.connect() as connection:
        return shape(connection, **where)


async def test_tables_that_are_left_out_are_left_alone(database: SqlDatabase, tmp_path: Path) -> None:
    """With the page's `include_object`, autogenerate sees the application's own tables alone."""
    store = SqlStore(database.url)
    await store.open()
    await store.close()
    (function,) = (block.text for block in blocks(PAGE, "python") if "include_object" in block.text)
    project = Project(tmp_path, database, database.url)
    project.edit("target_metadata = Base.metadata", functions=function, options=", include_object=include_object")
    project.run("revision", "--autogenerate", "-m", "first")
    assert "customers" in project.written()
    assert "asyncendpoints" not in project.written()
    project.run("upgrade", "head")
    assert "No new upgrade operations detected" in project.run("check")
    await store.open()
    await store.close()


@pytest.mark.parametrize("by", ["migrate", "start"])
async def test_an_application_s_own_migrations_make_the_tables(database: SqlDatabase, tmp_path: Path, by: str) -> None:
    """Autogenerate writes all of them; then it finds no difference, and the store takes them as they are."""
    assert BOTH in PAGE.read_text(encoding="utf-8")
    project = Project(tmp_path, database, database.url)
    project.edit(BOTH)
    project.run("revision", "--autogenerate", "-m", "first")
    assert "customers" in project.written()
    project.run("upgrade", "head")
    assert "No new upgrade operations detected" in project.run("check")
    store = SqlStore(database.url)
    made = look(database)
    if by == "migrate":
        await store.migrate()
    await store.open()
    await store.ping()
    await store.close()
    assert look(database) == made
    assert "No new upgrade operations detected" in project.run("check")
    database.execute("DROP TABLE customers")
    with database.engine.begin() as connection:
        store.metadata.drop_all(connection)
    await store.migrate()
    assert look(database) == made
