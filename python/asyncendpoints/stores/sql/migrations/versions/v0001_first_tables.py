"""The first tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from asyncendpoints.stores.sql.migrations.steps import add_tables, drop_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.operations import Operations

revision = "0001"
down_revision = None

_MYSQL: Final = ("mysql", "mariadb")
_LONGEST: Final = (1 << 32) - 1
_TEXT: Final = Text().with_variant(Text(_LONGEST), *_MYSQL)
_BYTES: Final = LargeBinary().with_variant(LargeBinary(_LONGEST), *_MYSQL)


_EXACT_TEXT: Final = Text().with_variant(LargeBinary(_LONGEST), *_MYSQL)


def upgrade(op: Operations, prefix: str, schema: str | None) -> None:
    """Make the tables."""
    add_tables(op, _described(op, prefix, schema))


def downgrade(op: Operations, prefix: str, schema: str | None) -> None:
    """Drop the tables, with all jobs."""
    drop_tables(op, _described(op, prefix, schema))


def _described(op: Operations, prefix: str, schema: str | None) -> MetaData:
    return _Tables(prefix, schema, op.get_context().dialect.name).metadata


def _key(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class _Tables:
    def __init__(self, prefix: str, schema: str | None, database: str) -> None:
        self.prefix = prefix
        self._is_mysql = database in _MYSQL
        self._includes = database == "postgresql"
        self.metadata = MetaData(schema=schema)
        self.jobs = self._table("jobs", *_job_columns(), **_HOT)
        self._index_jobs()
        self._table(
            "runs",
            Column("namespace", _key(64), nullable=False),
            Column("job_id", _key(36), nullable=False),
            Column("number", BigInteger, nullable=False),
            Column("started_at", BigInteger, nullable=False),
            Column("finished_at", BigInteger),
            Column("outcome", SmallInteger),
            Column("worker", _TEXT, nullable=False),
            Column("error", _BYTES),
            PrimaryKeyConstraint("namespace", "job_id", "number"),
        )
        self._table(
            "effects",
            Column("namespace", _key(64), nullable=False),
            Column("origin", _key(36), nullable=False),
            Column("effect", _key(64), nullable=False),
            Column("nonce", _EXACT_TEXT, nullable=False),
            Column("value", _BYTES),
            PrimaryKeyConstraint("namespace", "origin", "effect"),
        )
        self._table(
            "paused",
            Column("namespace", _key(64), nullable=False),
            Column("queue", _key(64), nullable=False),
            PrimaryKeyConstraint("namespace", "queue"),
        )
        self._table(
            "signs",
            Column("namespace", _key(64), nullable=False),
            Column("process", _key(64), nullable=False),
            Column("seen_at", BigInteger, nullable=False),
            Column("card", _BYTES, nullable=False),
            PrimaryKeyConstraint("namespace", "process"),
        )
        self._table(
            "history",
            Column("namespace", _key(64), nullable=False),
            Column("slot", BigInteger, nullable=False),
            Column("process", _key(64), nullable=False),
            Column("counts", _BYTES, nullable=False),
            PrimaryKeyConstraint("namespace", "slot", "process"),
        )
        if self._is_mysql:
            self._table(
                "commits",
                Column("line", _key(32), nullable=False),
                Column("number", BigInteger, nullable=False),
                Column("marked_at", BigInteger, nullable=False),
                PrimaryKeyConstraint("line"),
            )
        self.outbox = self._table("outbox", *_outbox_columns())
        self._index_outbox()

    def _table(self, name: str, *parts: Column[Any] | PrimaryKeyConstraint, **options: Any) -> Table:
        return Table(f"{self.prefix}{name}", self.metadata, *parts, **_EXACT, **options)

    def _index_jobs(self) -> None:
        c = self.jobs.c
        waits = "state IN (0, 1)"
        self._index("place", c.namespace, c.queue, c.state, c.place, c.job_id, postgresql_where=text(waits))
        self._index("age", c.namespace, c.created_at, c.job_id)
        self._index("key", c.namespace, c.key_digest, unique=True, postgresql_where=text("key_digest IS NOT NULL"))
        self._partial("lease", "lease_until IS NOT NULL", c.namespace, c.lease_until, include=("queue",))
        self._partial("strip", "strip_at IS NOT NULL", c.namespace, c.strip_at)
        self._partial("prune", "prune_at IS NOT NULL", c.namespace, c.prune_at, include=("queue", "state"))
        self._of_state("failed", 4, c.created_at, c.job_id)
        self._of_state("due", 0, c.place, c.job_id)
        self._partial("origin", "origin IS NOT NULL", c.namespace, c.origin)

    def _index_outbox(self) -> None:
        entries = self.outbox.c
        for name, last in {"due": entries.next_at, "prune": entries.prune_at}.items():
            where = text(f"{last.name} IS NOT NULL")
            index = f"{self.prefix}outbox_{name}"
            Index(index, entries.namespace, last, entries.job_id, sqlite_where=where, postgresql_where=where)

    def _index(self, name: str, *columns: Column[Any], **options: Any) -> None:
        Index(f"{self.prefix}jobs_{name}", *columns, **options)

    def _partial(self, name: str, condition: str, *columns: Column[Any], include: Sequence[str] = ()) -> None:
        where = text(condition)
        if self._includes:
            self._index(name, *columns, postgresql_where=where, postgresql_include=include)
        else:
            self._index(name, *columns, *(self.jobs.c[name] for name in include), sqlite_where=where)

    def _of_state(self, name: str, state: int, *columns: Column[Any]) -> None:
        if self._is_mysql:
            self._index(name, self.jobs.c.namespace, self.jobs.c.state, *columns)
        else:
            self._partial(name, f"state = {state}", self.jobs.c.namespace, *columns)


def _job_columns() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        Column("namespace", _key(64), nullable=False),
        Column("job_id", _key(36), nullable=False),
        Column("queue", _key(64), nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("place", BigInteger, nullable=False),
        Column("ready_at", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("attempt", SmallInteger, nullable=False),
        Column("max_attempts", SmallInteger, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("lease_until", BigInteger),
        Column("claim_id", _EXACT_TEXT),
        Column("cancel_requested_at", BigInteger),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("scheduled_at", BigInteger),
        Column("started_at", BigInteger),
        Column("finished_at", BigInteger),
        Column("expires_at", BigInteger),
        Column("strip_at", BigInteger),
        Column("prune_at", BigInteger),
        Column("stripped", Boolean, nullable=False),
        Column("timeout_ms", BigInteger, nullable=False),
        Column("retention_completed_ms", BigInteger, nullable=False),
        Column("retention_failed_ms", BigInteger, nullable=False),
        Column("handler", _TEXT, nullable=False),
        Column("owner", _TEXT),
        Column("scope", _TEXT),
        Column("request_id", _TEXT),
        Column("fingerprint", LargeBinary(32)),
        Column("key_digest", _key(64)),
        Column("redrive_of", String(36)),
        Column("origin", _key(36)),
        Column("run_started_at", BigInteger),
        Column("run_finished_at", BigInteger),
        Column("run_outcome", SmallInteger),
        Column("run_worker", _TEXT),
        Column("run_error", _BYTES),
        Column("settled_fence", BigInteger),
        Column("settled_nonce", String(20)),
        Column("settled_to", SmallInteger),
        Column("progress", _BYTES),
        Column("result", _BYTES),
        Column("result_meta", _BYTES),
        Column("request", _BYTES),
        Column("payload", _BYTES),
        PrimaryKeyConstraint("namespace", "job_id"),
    ]


def _outbox_columns() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        Column("namespace", _key(64), nullable=False),
        Column("job_id", _key(36), nullable=False),
        Column("queue", _key(64), nullable=False),
        Column("written_at", BigInteger, nullable=False),
        Column("ready_at", BigInteger, nullable=False),
        Column("next_at", BigInteger),
        Column("turn", BigInteger, nullable=False),
        Column("same_as", String(36)),
        Column("problem", _BYTES),
        Column("prune_at", BigInteger),
        Column("record", _BYTES, nullable=False),
        PrimaryKeyConstraint("namespace", "job_id"),
    ]


_EXACT: Final = {
    f"{database}_{option}": value
    for database in _MYSQL
    for option, value in {
        "engine": "InnoDB",
        "row_format": "DYNAMIC",
        "charset": "utf8mb4",
        "collate": "utf8mb4_bin",
    }.items()
}
_HOT: Final = {
    "postgresql_with": {
        "fillfactor": 80,
        "autovacuum_vacuum_scale_factor": 0.0,
        "autovacuum_vacuum_threshold": 5_000,
        "autovacuum_vacuum_insert_scale_factor": 0.0,
        "autovacuum_vacuum_insert_threshold": 50_000,
        "autovacuum_analyze_scale_factor": 0.02,
        "autovacuum_vacuum_cost_delay": 0,
    }
}
