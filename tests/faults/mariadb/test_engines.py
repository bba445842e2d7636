"""The user's own SQLAlchemy engine may take a URL's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from asyncendpoints import ConfigurationError
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("driver", "make"),
    [("asyncmy", create_async_engine), ("aiomysql", create_async_engine), ("pymysql", create_engine)],
)
async def test_a_store_on_the_users_engine_borrows_none_of_its_connections(
    driver: str, make: Callable[..., Engine | AsyncEngine], url: str
) -> None:
    """SUB-1: With an engine whose only connection is in use, in a transaction of its own kind, the store works."""
    engine = make(url.replace("mysql://", f"mysql+{driver}://"), pool_size=1, max_overflow=0, pool_timeout=1)
    store = SqlStore(engine, prefix="users_")
    await store.open()
    new = [NewJob(job_id=new_job_id(), handler="h", payload="é😀".encode()) for _ in range(20)]
    assert {answer.word for answer in await store.enqueue(new)} == {"created"}
    found = await store.claim(worker="w", claim_id="c", queues=["default"], limit=20, lease_ms=60_000)
    assert [claim.payload for claim in found.claims] == [job.payload for job in new]
    # The user's connections are as the user has them.
    level = text("SELECT @@tx_isolation, (SELECT COUNT(*) FROM users_jobs)")
    if isinstance(engine, AsyncEngine):
        async with engine.connect() as connection:
            assert tuple((await connection.execute(level)).one()) == ("REPEATABLE-READ", 20)
            assert {answer.word for answer in await store.enqueue(new)} == {"created"}
        await engine.dispose()
    else:
        with engine.connect() as connection:
            assert tuple(connection.execute(level).one()) == ("REPEATABLE-READ", 20)
            assert {answer.word for answer in await store.enqueue(new)} == {"created"}
        engine.dispose()
    await store.close()


def test_an_engine_with_another_driver_is_refused() -> None:
    """What the store was never tried with it does not use."""
    with pytest.raises(ConfigurationError, match="asyncmy, aiomysql or pymysql, not mysqldb"):
        SqlStore(_Stranger())  # pyright: ignore[reportArgumentType]


class _Stranger:
    class dialect:  # noqa: N801 (as SQLAlchemy names it)
        name = "mysql"
        driver = "mysqldb"
