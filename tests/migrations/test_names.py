"""Prefix and schema: where the tables are, and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asyncendpoints import AsyncEndpoints, ConfigurationError
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from tests.support.sql_databases import SqlDatabase

HOSTILE = ["", "1st_", "a-b", 'a"b', "a'b", "a`b", "a;b", "a b", "a.b", "a%b", "ä_", "a" * 33, "A_", "x\n", "sqlite_"]


async def test_prefixes_in_one_database_do_not_see_each_other(database: SqlDatabase) -> None:
    """A job, its key, its pause and its version belong to the tables of one prefix."""
    one = SqlStore(database.with_parameters(prefix="one_"))
    other = SqlStore(database.url, prefix="other_")
    await one.open()
    await other.open()
    key = {"scope": "s", "key": "k", "handler": "h"}
    job = NewJob(job_id=new_job_id(), fingerprint=b"f" * 32, **key)
    assert [answer.word for answer in await one.enqueue([job])] == ["created"]
    await one.pause("default", True)
    assert await other.get(job.job_id) is None
    again = NewJob(job_id=new_job_id(), fingerprint=b"g" * 32, **key)
    assert [answer.word for answer in await other.enqueue([again])] == ["created"]
    taken = await other.claim(worker="w", claim_id="c", queues=["default"], limit=9, lease_ms=1_000)
    assert [claim.job_id for claim in taken.claims] == [again.job_id]
    await other.close()
    await other.migrate("base")
    assert [name for name in database.tables() if name.startswith("other_")] == ["other_version"]
    assert (await one.stats()).counts["default"]["queued"] == 1
    await one.close()
    assert all(name.startswith(("one_", "other_")) for name in database.tables())


@pytest.mark.parametrize("prefix", HOSTILE)
def test_a_prefix_that_is_no_plain_name_is_refused(database: SqlDatabase, prefix: str) -> None:
    """It is refused before anything is connected, whatever it would do in a statement."""
    with pytest.raises(ConfigurationError, match="prefix"):
        SqlStore(database.url, prefix=prefix)


@pytest.mark.parametrize("prefix", ["a-b", "a'b", "1st_", "A_"])
def test_a_prefix_in_the_url_is_checked_too(database: SqlDatabase, prefix: str) -> None:
    """The same holds for a URL."""
    with pytest.raises(ConfigurationError, match="prefix"):
        AsyncEndpoints(database.with_parameters(prefix=prefix))


async def test_the_longest_prefix_works(database: SqlDatabase) -> None:
    """No name that it begins is too long for a database."""
    store = SqlStore(database.url, prefix="a" * 32)
    await store.open()
    await store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    assert (await store.versions()).fit
    await store.close()


async def test_schemas_of_one_database_do_not_see_each_other(database: SqlDatabase) -> None:
    """PostgreSQL: a schema that is not there is made, and its tables are its own; elsewhere there are none to name."""
    if database.kind != "postgresql":
        with pytest.raises(ConfigurationError, match="schema"):
            SqlStore(database.url, schema="one")
        return
    one = SqlStore(database.with_parameters(schema="one"))
    other = SqlStore(database.url, schema="Other")
    assert (await other.migration()).startswith('CREATE SCHEMA "Other";')
    job = NewJob(job_id=new_job_id(), handler="h")
    await one.open()
    await other.open()
    await one.enqueue([job])
    assert await one.get(job.job_id) is not None
    assert await other.get(job.job_id) is None
    await other.close()
    await other.migrate("base")
    assert database.tables("Other") == ["asyncendpoints_version"]
    assert database.tables() == []
    assert (await one.stats()).counts["default"]["queued"] == 1
    await one.close()


@pytest.mark.parametrize("schema", ["", "a-b", 'a"b', "a.b", "1st", "a" * 64])
def test_a_schema_that_is_no_plain_name_is_refused(database: SqlDatabase, schema: str) -> None:
    """The same as for prefixes holds."""
    with pytest.raises(ConfigurationError, match="schema"):
        SqlStore(database.url, schema=schema)
