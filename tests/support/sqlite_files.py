"""SQLite stores for walks, each in a directory that goes with it."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from asyncendpoints.stores.sql.store import SqlStore


class TemporarySqlStore(SqlStore):
    """A store with nothing in it, whose file is gone when it has been closed."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="asyncendpoints-")
        super().__init__(f"sqlite:///{self._directory.name}/jobs.db")

    async def close(self) -> None:
        """Close, and delete the file."""
        await super().close()
        self._directory.cleanup()
