"""A standby that has taken over knows nothing of what the old server committed last."""

from __future__ import annotations

from asyncendpoints.stores.sql.addresses import found_at
from tests.support.postgres_server import PostgresServer, execute


def test_numbers_prove_nothing_until_the_first_checkpoint_of_a_new_primary() -> None:
    """SUB-3: The number of a transaction that the old server began may be that of another one on the new server.

    The checkpoint after a promotion takes its time, and until it is done the last one is of the old server.
    """
    with PostgresServer(options=["checkpoint_timeout=1h", "checkpoint_completion_target=0.9"]) as server:
        execute(
            server.url, "CREATE TABLE filled AS SELECT n, repeat('x', 500) AS text FROM generate_series(1, 40000) n"
        )
        server.become_standby()
        assert execute(server.url, "SELECT pg_promote()") == [(True,)]
        ((number, now),) = execute(
            server.url,
            "SELECT pg_current_xact_id()::text, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        )
        dialect = found_at(server.url.replace("postgresql:", "postgresql+psycopg:"), namespace="n").dialect
        engine = dialect.engine(writes=True)
        # Begun, as it were, on a server that was still the primary after this one had started.
        token = f"{number} {now + 60_000}"
        with engine.connect() as connection:
            assert dialect.is_committed(connection, token) is False
            connection.commit()
            execute(server.url, "CHECKPOINT")
            assert dialect.is_committed(connection, token) is True
        engine.dispose()
