"""Connections of a store's own, made as a user's engine makes its own."""

from __future__ import annotations

from sqlalchemy import Engine


def with_own_pool(engine: Engine) -> Engine:
    """Return an engine that leads where the user's does, and never borrows one of the user's connections.

    Its pool is made as the user's was, with the same events, so that what the user sets up for a new connection is set
    up here too.
    """
    return Engine(engine.pool.recreate(), engine.dialect, engine.url, hide_parameters=True)
