"""Several processes migrate one database, and what one of them leaves half done the next one ends."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import ConfigurationError
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.later_release import LATER, later_release
from tests.support.processes import Process
from tests.support.scripts import run_clean
from tests.support.sql_shapes import shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.support.sql_databases import SqlDatabase

PATIENCE = 60.0
MANY = 6


def look(database: SqlDatabase) -> dict[str, Any]:
    with database.engine.connect() as connection:
        return shape(connection)


def migrator(database: SqlDatabase, folder: Path, *, gate: bool = False, number: int = 0) -> Process:
    """Return a process of the later release that migrates; with a gate it stops in the middle."""
    environment = {"MIGRATION_LOG": str(folder / "log"), "MIGRATION_GATE": str(folder / "gate") if gate else ""}
    # Whoever waits for another process gets the time that a busy machine takes.
    command = [sys.executable, "-m", "tests.support.later_release", database.with_parameters(timeout="60")]
    return Process(command, log=folder / f"migrator-{number}.log", environment=environment)


def told(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def until(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never true: {what}"
        time.sleep(0.01)


async def filled(database: SqlDatabase) -> SqlStore:
    """Return an open store of this release with some jobs."""
    store = SqlStore(database.url)
    await store.open()
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h") for _ in range(MANY)])
    return store


async def test_processes_that_migrate_at_once_do_it_once(database: SqlDatabase, tmp_path: Path) -> None:
    """While one is in the middle the others wait for it, and find that nothing is left to do."""
    await (await filled(database)).close()
    with ExitStack() as stack:
        first = stack.enter_context(migrator(database, tmp_path, gate=True))
        until("the first is in the middle", lambda: "half" in told(tmp_path))
        others = [stack.enter_context(migrator(database, tmp_path, number=number)) for number in range(1, 4)]
        (tmp_path / "gate").touch()
        for process in (first, *others):
            assert process.wait() == 0, process.output
        assert told(tmp_path) == ["began", "half"]
        assert "from version 0001 to version 0002" in first.output
        assert all("nothing was to be done" in other.output for other in others)
    assert set(database.select("SELECT wish FROM asyncendpoints_jobs")) == {("granted",)}


async def test_a_migration_that_was_killed_is_ended_by_the_next(database: SqlDatabase, tmp_path: Path) -> None:
    """SUB-1: Killed with SIGKILL in the middle, it leaves no job behind that is lost, and the version that was.

    SQLite and PostgreSQL take back what it had done; MariaDB keeps it, and the next one goes on from there.
    """
    await (await filled(database)).close()
    before = look(database)
    with migrator(database, tmp_path, gate=True) as process:
        until("it is in the middle", lambda: "half" in told(tmp_path))
        process.kill()
    until("the database has noticed", lambda: _is_free(database))
    assert database.select("SELECT version_num FROM asyncendpoints_version") == [("0001",)]
    has_kept = look(database) != before
    assert has_kept == (database.kind == "mariadb")
    with later_release():
        with pytest.raises(ConfigurationError, match="needs version 0002"):
            await SqlStore(database.url).open()
        done = await SqlStore(database.url).migrate()
        assert (done.before, done.after) == ("0001", LATER)
        whole = look(database)
        assert database.select("SELECT wish, count(*) FROM asyncendpoints_jobs GROUP BY wish") == [("granted", MANY)]
        await SqlStore(database.url).migrate("base")
        await SqlStore(database.url).migrate()
    assert look(database) == whole


async def test_processes_that_start_at_once_set_up_one_database(database: SqlDatabase) -> None:
    """SUB-1: Six processes open an empty database, each stores jobs, and all of them are held."""
    source = f"""
    import asyncio
    from asyncendpoints._core import NewJob, new_job_id
    from asyncendpoints.stores.sql.store import SqlStore

    async def main():
        store = SqlStore({database.with_parameters(timeout="60")!r})
        await store.open()
        await store.enqueue([NewJob(job_id=new_job_id(), handler="h") for _ in range(10)])
        await store.close()

    asyncio.run(main())
    """
    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(lambda _: run_clean(source, dev_mode=False), range(MANY)))
    assert database.select("SELECT count(*) FROM asyncendpoints_jobs") == [(10 * MANY,)]
    assert database.select("SELECT version_num FROM asyncendpoints_version") == [("0001",)]


async def test_a_start_with_tables_that_fit_does_without_alembic(database: SqlDatabase) -> None:
    """Only whoever makes or changes tables imports it."""
    await (await filled(database)).close()
    printed = run_clean(
        f"""
        import asyncio, sys
        from asyncendpoints.stores.sql.store import SqlStore

        async def main():
            store = SqlStore({database.url!r})
            await store.open()
            await store.ping()
            await store.close()

        asyncio.run(main())
        print("alembic" in sys.modules)
        """,
        dev_mode=False,
    )
    assert printed == "False\n"


def _is_free(database: SqlDatabase) -> bool:
    """Tell whether the killed process's connection is gone, on servers that outlive it."""
    if database.kind == "postgresql":
        return database.select("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    if database.kind == "mariadb":
        return database.select("SELECT count(*) FROM information_schema.processlist WHERE db = database()") == [(1,)]
    return True
