"""The tables, and the codes that stand in them.

Times are UTC milliseconds. A job's newest run stands in its own row, so that a job that runs once is one row; earlier
runs are in a table of their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, get_args

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
    TypeDecorator,
    text,
)

from asyncendpoints.errors import ConfigurationError
from asyncendpoints.job import TERMINAL_STATES, JobState, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Dialect, Select
    from sqlalchemy.types import TypeEngine

STATES: Final[tuple[JobState, ...]] = get_args(JobState)
"""A state's code is its place here."""
STATE_CODES: Final = {state: code for code, state in enumerate(STATES)}
ENDED: Final = frozenset(STATE_CODES[state] for state in STATES if state in TERMINAL_STATES)
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
OUTCOME_CODES: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}

SCHEDULED: Final = STATE_CODES["scheduled"]
QUEUED: Final = STATE_CODES["queued"]
IN_PROGRESS: Final = STATE_CODES["in_progress"]
COMPLETED: Final = STATE_CODES["completed"]
FAILED: Final = STATE_CODES["failed"]

TIME_BITS: Final = 54
"""How many bits of a rank are time; the priority is above them."""
LATEST: Final = (1 << TIME_BITS) - 1

PREFIX: Final = "asyncendpoints_"
"""How the names of the tables begin, unless the settings say otherwise."""
COMMITS: Final = "commits"


MYSQL: Final = ("mysql", "mariadb")
"""What SQLAlchemy calls them, depending on the URL: either may be either server."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
# Lower case, because databases disagree on whether case counts. The rest leaves room for the longest name of an index.
_PREFIX: Final = re.compile(r"(?!sqlite_)[a-z_][a-z0-9_]{0,31}")
_LONGEST: Final = (1 << 32) - 1
# Elsewhere these are as long as they need to be; MySQL and MariaDB would take 64 KiB of them.
_TEXT: Final = Text().with_variant(Text(_LONGEST), *MYSQL)
_BYTES: Final = LargeBinary().with_variant(LargeBinary(_LONGEST), *MYSQL)


class Exact(TypeDecorator[str]):
    """Texts of any length that are compared byte by byte, with the spaces at their ends."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the database has for it."""
        # Both servers pass over such spaces in texts, but not in bytes.
        return dialect.type_descriptor(LargeBinary(_LONGEST) if dialect.name in MYSQL else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Return what the driver is handed."""
        return value.encode() if value is not None and dialect.name in MYSQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Return what the driver has handed over."""
        return value.decode() if isinstance(value, bytes) else value


def _key(length: int) -> String:
    """Return the type of what is compared byte by byte, whatever language the database is set up for."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def table_prefix(value: str) -> str:
    """Return a prefix that tables may have.

    Raises:
        ConfigurationError: It is none.
    """
    if not _PREFIX.fullmatch(value):
        raise ConfigurationError(
            f"the prefix of the tables must be a name that matches {_PREFIX.pattern}, not {value!r}"
        )
    return value


def schema_name(value: str | None) -> str | None:
    """Return the name of a schema, or None where there is none.

    Raises:
        ConfigurationError: It is no plain name.
    """
    if value is not None and not _NAME.fullmatch(value):
        raise ConfigurationError(f"the schema must be a name that matches {_NAME.pattern}, not {value!r}")
    return value


class Tables:
    """The tables of a store, under the names that its settings give them.

    Args:
        prefix: How their names begin.
        schema: The schema that they are in, where the database has such; None is the one that it looks in first.
        database: What SQLAlchemy calls the database: not all have the same tables and indexes.
    """

    def __init__(self, prefix: str = PREFIX, schema: str | None = None, *, database: str = "sqlite") -> None:
        self.prefix = table_prefix(prefix)
        self._is_mysql = database in MYSQL
        self._includes = database == "postgresql"
        self.metadata = MetaData(schema=schema_name(schema))
        # As alembic wants it.
        self.version = Table(
            f"{self.prefix}version",
            self.metadata,
            Column("version_num", String(32), nullable=False),
            # MySQL and MariaDB complain of a name.
            PrimaryKeyConstraint("version_num", name=None if self._is_mysql else f"{self.prefix}version_pkc"),
        )
        self.jobs = self._table("jobs", *_job_columns(), **_HOT)
        self._index_jobs()
        self.runs = self._table(
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
        self.effects = self._table(
            "effects",
            Column("namespace", _key(64), nullable=False),
            Column("origin", _key(36), nullable=False),
            Column("effect", _key(64), nullable=False),
            Column("nonce", Exact, nullable=False),
            Column("value", _BYTES),
            PrimaryKeyConstraint("namespace", "origin", "effect"),
        )
        self.paused = self._table(
            "paused",
            Column("namespace", _key(64), nullable=False),
            Column("queue", _key(64), nullable=False),
            PrimaryKeyConstraint("namespace", "queue"),
        )
        # What processes tell of themselves: the last word of each, and what it has counted in each slot of time.
        self.signs = self._table(
            "signs",
            Column("namespace", _key(64), nullable=False),
            Column("process", _key(64), nullable=False),
            Column("seen_at", BigInteger, nullable=False),
            Column("card", _BYTES, nullable=False),
            PrimaryKeyConstraint("namespace", "process"),
        )
        self.history = self._table(
            "history",
            Column("namespace", _key(64), nullable=False),
            Column("slot", BigInteger, nullable=False),
            Column("process", _key(64), nullable=False),
            Column("counts", _BYTES, nullable=False),
            PrimaryKeyConstraint("namespace", "slot", "process"),
        )
        if self._is_mysql:
            # Which transaction of a connection was the last that has written something: this database does not tell.
            self._table(
                COMMITS,
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
        waits = f"state IN ({SCHEDULED}, {QUEUED})"
        # PostgreSQL writes every index anew whenever a job changes its state, so there each holds only what is looked
        # for in it.
        self._index("place", c.namespace, c.queue, c.state, c.place, c.job_id, postgresql_where=text(waits))
        self._index("age", c.namespace, c.created_at, c.job_id)
        self._index("key", c.namespace, c.key_digest, unique=True, postgresql_where=text("key_digest IS NOT NULL"))
        # What is included is counted there, without a look into the table.
        self._partial("lease", "lease_until IS NOT NULL", c.namespace, c.lease_until, include=("queue",))
        self._partial("strip", "strip_at IS NOT NULL", c.namespace, c.strip_at)
        self._partial("prune", "prune_at IS NOT NULL", c.namespace, c.prune_at, include=("queue", "state"))
        self._of_state("failed", FAILED, c.created_at, c.job_id)
        self._of_state("due", SCHEDULED, c.place, c.job_id)
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
        """Index the jobs of one state; where an index has all jobs, its state is one of the columns."""
        if self._is_mysql:
            self._index(name, self.jobs.c.namespace, self.jobs.c.state, *columns)
        else:
            self._partial(name, f"state = {state}", self.jobs.c.namespace, *columns)


_EXACT: Final = {
    # Texts are equal if their bytes are, whatever the database is set up for. This collation passes over spaces at the
    # end, so that what may have such is digested, or kept as bytes, where it is compared.
    f"{database}_{option}": value
    for database in MYSQL
    for option, value in {
        "engine": "InnoDB",
        "row_format": "DYNAMIC",
        "charset": "utf8mb4",
        "collate": "utf8mb4_bin",
    }.items()
}
_HOT: Final = {
    # Every state that a job comes to leaves a dead row behind. They are cleared away long before they are a fifth of
    # the table, PostgreSQL's default, which with a million finished jobs would be 200,000; and a page keeps room for
    # the next version of its rows, so that a write of progress finds it beside the last one.
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


def _job_columns() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        Column("namespace", _key(64), nullable=False),
        Column("job_id", _key(36), nullable=False),
        Column("queue", _key(64), nullable=False),
        Column("state", SmallInteger, nullable=False),
        # What orders the jobs of one state in one queue: the rank of a queued one, the due time of a scheduled one,
        # else 0.
        Column("place", BigInteger, nullable=False),
        Column("ready_at", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("attempt", SmallInteger, nullable=False),
        Column("max_attempts", SmallInteger, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("lease_until", BigInteger),
        Column("claim_id", Exact),
        Column("cancel_requested_at", BigInteger),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("scheduled_at", BigInteger),
        Column("started_at", BigInteger),
        Column("finished_at", BigInteger),
        Column("expires_at", BigInteger),
        # When the bodies go while the key keeps the record, and when the record goes.
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
        # A digest of scope and key: of one length, whatever they are.
        Column("key_digest", _key(64)),
        Column("redrive_of", String(36)),
        Column("origin", _key(36)),
        # The newest run, numbered by the fence, and the newest settlement.
        Column("run_started_at", BigInteger),
        Column("run_finished_at", BigInteger),
        Column("run_outcome", SmallInteger),
        Column("run_worker", _TEXT),
        Column("run_error", _BYTES),
        Column("settled_fence", BigInteger),
        Column("settled_nonce", String(20)),
        Column("settled_to", SmallInteger),
        # Last, so that what comes before them is read without them.
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
        # When the job may begin.
        Column("ready_at", BigInteger, nullable=False),
        # From when on somebody may take it; nothing once it is settled what has become of it.
        Column("next_at", BigInteger),
        Column("turn", BigInteger, nullable=False),
        # The earlier job of the same key, or why the store has refused it; and how long that is kept.
        Column("same_as", String(36)),
        Column("problem", _BYTES),
        Column("prune_at", BigInteger),
        Column("record", _BYTES, nullable=False),
        PrimaryKeyConstraint("namespace", "job_id"),
    ]


def following(statement: Select[*tuple[Any, ...]], tables: Tables, index: str) -> Select[*tuple[Any, ...]]:
    """Return a statement about jobs that is done by this index and no other.

    MySQL and MariaDB choose by what they guess; with another one a statement that locks what it finds would first lock
    all that it has to sort. Other databases do not see this.
    """
    for database in MYSQL:
        statement = statement.with_hint(tables.jobs, f"FORCE INDEX ({tables.prefix}jobs_{index})", database)
    return statement


def plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type of a parameter for a column of this type."""
    if isinstance(type_, String):
        return String()
    return LargeBinary() if isinstance(type_, LargeBinary) else type_


def state_of(code: int) -> JobState:
    """Return the state of a code."""
    return STATES[code]


def outcome_of(code: int | None) -> Outcome | None:
    """Return the outcome of a code; a run that goes on has none."""
    return None if code is None else OUTCOMES[code]


def place_of(state: int, priority: int, ready_at: int) -> int:
    """Return what orders a job among those of its queue and state: its rank (CLM-2), its due time, or nothing."""
    if state == QUEUED:
        return (100 - priority) << TIME_BITS | min(ready_at, LATEST)
    return ready_at if state == SCHEDULED else 0
