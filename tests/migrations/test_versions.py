"""The tables go from each version to each other, and come out as this release describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory

from asyncendpoints import AsyncEndpoints, ConfigurationError, JobContext
from asyncendpoints.stores.sql import migrating, schema
from asyncendpoints.stores.sql.store import SqlStore
from tests.support.later_release import LATER, later_release
from tests.support.running import ended
from tests.support.sql_shapes import shape

if TYPE_CHECKING:
    from typing import Any

    from tests.support.sql_databases import SqlDatabase

SCRIPTS = ScriptDirectory(".", version_locations=[str(place) for place in migrating.VERSIONS])
VERSIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


def look(database: SqlDatabase) -> dict[str, Any]:
    with database.engine.connect() as connection:
        return shape(connection)


def test_versions_are_numbered_one_after_the_other() -> None:
    """They have no branches, and the newest is the one that this release needs."""
    assert [f"{number:04}" for number in range(1, len(VERSIONS) + 1)] == VERSIONS
    assert VERSIONS[-1] == schema.VERSION


async def test_what_versions_make_is_what_the_release_describes(database: SqlDatabase) -> None:
    """Column by column and index by index, the tables are those that `metadata.create_all` makes."""
    store = SqlStore(database.url)
    with database.engine.begin() as connection:
        store.metadata.create_all(connection)
    described = look(database)
    with database.engine.begin() as connection:
        store.metadata.drop_all(connection)
    assert look(database) != described
    await store.migrate()
    assert look(database) == described


async def test_every_version_can_be_left_and_reached_again(database: SqlDatabase) -> None:
    """Up one by one, down one by one to nothing, and up at once: each version looks the same each time."""
    with later_release():
        store = SqlStore(database.url)
        shapes: dict[str, Any] = {}
        for version in [*VERSIONS, LATER]:
            assert (await store.migrate(version)).after == version
            shapes[version] = look(database)
        for version in reversed(VERSIONS):
            assert (await store.migrate(version)).after == version
            assert look(database) == shapes[version]
        gone = await store.migrate("base")
        assert (gone.before, gone.after) == (VERSIONS[0], None)
        assert database.tables() == ["asyncendpoints_version"]
        whole = await store.migrate()
        assert (whole.before, whole.after) == (None, LATER)
        assert look(database) == shapes[LATER]


async def test_jobs_live_through_an_update_and_back(database: SqlDatabase) -> None:
    """SUB-1: What was stored in one version is run in the next, and its result is read in the first again."""

    async def shout(job: JobContext[str]) -> str:
        return job.payload.upper()

    old = AsyncEndpoints(database.url, worker=False)
    old.handler("shout")(shout)
    async with old:
        waiting = [(await old.submit("shout", f"word {number}")).job.job_id for number in range(20)]
    with later_release():
        new = AsyncEndpoints(database.url)
        new.handler("shout")(shout)
        done = await new.migrate()
        assert done is not None
        assert (done.before, done.after) == (VERSIONS[-1], LATER)
        async with new:
            for number, job_id in enumerate(waiting):
                job = await new.wait(job_id, timeout=60)
                assert job.result == b'"WORD %d"' % number
            assert (await ended(new, "shout", "more")).result == b'"MORE"'
        assert set(database.select("SELECT wish FROM asyncendpoints_jobs")) == {("granted",), ("none",)}
        await new.migrate("0001")
    again = AsyncEndpoints(database.url)
    again.handler("shout")(shout)
    async with again:
        assert (await again.get(waiting[3])).result == b'"WORD 3"'
        assert (await ended(again, "shout", "last")).result == b'"LAST"'


async def test_older_tables_are_refused_in_a_sentence(database: SqlDatabase) -> None:
    """SUB-1: A release whose tables are not there yet does not start, and says what to run; afterwards it does."""
    store = SqlStore(database.url)
    await store.open()
    await store.close()
    with later_release():
        late = SqlStore(database.url)
        with pytest.raises(
            ConfigurationError, match=r"have version 0001, .* needs version 0002: .*asyncendpoints migrate"
        ):
            await late.open()
        await late.migrate()
        await late.open()
        await late.ping()
        await late.close()


async def test_newer_tables_are_refused_in_a_sentence(database: SqlDatabase) -> None:
    """SUB-1: A release that does not know the tables leaves them alone, and says who can take them back."""
    with later_release():
        await SqlStore(database.url).migrate()
    store = SqlStore(database.url)
    sentence = r"have version 0002, which a later release .* needs version 0001: .*asyncendpoints migrate --to 0001"
    with pytest.raises(ConfigurationError, match=sentence):
        await store.open()
    with pytest.raises(ConfigurationError, match="knows no version '0002'"):
        await store.migrate()


async def test_a_running_process_notices_that_the_tables_changed(database: SqlDatabase) -> None:
    """A process is ready no more once somebody has taken the tables to another version, and says why."""
    jobs = AsyncEndpoints(database.url, worker=False)
    async with jobs:
        assert await jobs.engine.check_ready() == []
        with later_release():
            await SqlStore(database.url).migrate()
        (reason,) = await jobs.engine.check_ready()
        assert "have version 0002" in reason
        with pytest.raises(ConfigurationError, match="have version 0002"):
            await jobs.engine.store.ping()


async def test_another_program_s_version_table_is_left_alone(database: SqlDatabase) -> None:
    """A table of that name that says something else stops the start."""
    database.execute(
        "CREATE TABLE asyncendpoints_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO asyncendpoints_version VALUES ('4f1c')",
    )
    store = SqlStore(database.url)
    with pytest.raises(ConfigurationError, match="says '4f1c', which is no version of asyncendpoints"):
        await store.open()
    assert database.tables() == ["asyncendpoints_version"]


@pytest.mark.parametrize("to", ["0000", "0009", "+1", "heads", "", "jobs; DROP TABLE"])
async def test_a_version_that_is_not_known_is_refused(database: SqlDatabase, to: str) -> None:
    """The sentence names those that are known, and nothing was done."""
    with pytest.raises(ConfigurationError, match=r"knows no version .*; it knows 0001, head and base"):
        await SqlStore(database.url).migrate(to)
    assert set(database.tables()) <= {"asyncendpoints_version"}


async def test_the_statements_are_those_that_make_the_tables(database: SqlDatabase) -> None:
    """Executed by hand, they leave what `migrate` leaves; asking for them changes nothing."""
    store = SqlStore(database.url)
    printed = await store.migration()
    assert database.tables() == []
    await store.migrate()
    made = look(database)
    with database.engine.begin() as connection:
        store.metadata.drop_all(connection)
    statements = "\n".join(line for line in printed.splitlines() if not line.startswith("--")).split(";")
    with database.engine.connect() as connection:
        for statement in statements:
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.commit()
    assert look(database) == made
    assert (await store.versions()).fit
    assert (await store.migration()).strip() == ""


async def test_what_is_there_already_is_not_made_again(database: SqlDatabase) -> None:
    """Tables that an interrupted migration, or somebody else's, has made are taken as they are, with their jobs."""
    store = SqlStore(database.url)
    await store.open()
    made = look(database)
    await store.close()
    database.execute("DELETE FROM asyncendpoints_version", "DROP TABLE asyncendpoints_paused")
    await store.open()
    assert look(database) == made
    assert (await store.versions()).found == schema.VERSION
    await store.close()
