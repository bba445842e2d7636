"""SQLite stores for walks, each in a directory that goes with it; and whether a store's rows are sound."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from asyncendpoints.stores.sql.store import SqlStore


async def unsound(store: SqlStore) -> list[str]:
    """Return what does not fit in a store that a virtual clock has ruled, by which nothing has lain there for long."""
    return [finding for finding in await store.fsck() if not finding.endswith("does any process sweep?")]


class TemporarySqlStore(SqlStore):
    """A store with nothing in it, whose file is sound when it has been closed, and gone."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="asyncendpoints-")
        super().__init__(f"sqlite:///{self._directory.name}/jobs.db")

    async def close(self) -> None:
        """Look whether the rows are sound, close, and delete the file."""
        found = await unsound(self)
        await super().close()
        self._directory.cleanup()
        assert not found, found
