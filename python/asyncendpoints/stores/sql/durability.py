"""What an accepted job survives in a database, and what may cost it, from what the database says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from asyncendpoints.stores.risk import Risk
from asyncendpoints.stores.sql.filesystem import LAYERED, NETWORK, VOLATILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Table

_SYNCHRONOUS: Final = {0: "off", 1: "normal", 2: "full", 3: "extra"}
_POSTGRESQL: Final = (
    "server_version", "fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names",
    "default_transaction_read_only",
)  # fmt: skip
_MYSQL: Final = (
    "version", "innodb_flush_log_at_trx_commit", "innodb_doublewrite", "log_bin", "sync_binlog", "read_only",
)  # fmt: skip


def inspect_sqlite(connection: Connection, jobs: Table) -> dict[str, str]:
    """Return what SQLite says of the file, by the name of the setting."""
    del jobs
    synchronous = int(connection.execute(text("PRAGMA synchronous")).scalar_one())
    return {
        "sqlite_version": str(connection.execute(text("SELECT sqlite_version()")).scalar_one()),
        "journal_mode": str(connection.execute(text("PRAGMA journal_mode")).scalar_one()),
        "synchronous": _SYNCHRONOUS.get(synchronous, str(synchronous)),
    }


def inspect_postgresql(connection: Connection, jobs: Table) -> dict[str, str]:
    """Return what a PostgreSQL server says of itself, by the name of the setting."""
    facts = {
        name: str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())
        for name in _POSTGRESQL
    }
    facts["postgresql_version"] = facts.pop("server_version").split(" ")[0]
    facts["in_recovery"] = str(connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()).lower()
    where = f"{jobs.schema}.{jobs.name}" if jobs.schema else jobs.name
    persistence = connection.execute(
        text("SELECT relpersistence FROM pg_class WHERE oid = to_regclass(:name)"), {"name": where}
    ).scalar_one_or_none()
    # The type "char" is one byte, which some drivers hand over as bytes.
    facts["persistence"] = persistence.decode() if isinstance(persistence, bytes) else str(persistence)
    return facts


def inspect_mysql(connection: Connection, jobs: Table) -> dict[str, str]:
    """Return what a MariaDB or MySQL server says of itself, by the name of the variable."""
    listed = ", ".join(f"'{name}'" for name in _MYSQL)
    rows = connection.execute(text(f"SHOW VARIABLES WHERE Variable_name IN ({listed})"))
    facts = {str(name).lower(): str(value) for name, value in rows}
    version = facts.pop("version", "")
    number, _, rest = version.partition("-")
    facts["mariadb_version" if "mariadb" in rest.lower() else "mysql_version"] = number
    engine = connection.execute(
        text("SELECT engine FROM information_schema.tables WHERE table_schema = database() AND table_name = :name"),
        {"name": jobs.name},
    ).scalar_one_or_none()
    facts["engine"] = str(engine)
    return facts


def durability(facts: Mapping[str, str]) -> str:
    """Say what an accepted job survives.

    Args:
        facts: What the database said, by name.
    """
    return _told(facts, _DURABILITY)


def risks(facts: Mapping[str, str]) -> list[Risk]:
    """Return what may cost accepted jobs, the worst first.

    Args:
        facts: What the database said, by name.
    """
    return _told(facts, _RISKS)


def _told(facts: Mapping[str, str], by_database: Mapping[str, Callable[[Mapping[str, str]], Any]]) -> Any:
    for name, tell in by_database.items():
        if f"{name}_version" in facts:
            return tell(facts)
    raise KeyError("no database has said what it is")


def _sqlite_durability(facts: Mapping[str, str]) -> str:
    if facts["synchronous"] in {"full", "extra"}:
        return "Jobs are written through to the disk before they are accepted."
    return "Jobs are in a file and survive every end of the process; a crash of the machine may lose the last ones."


def _sqlite_risks(facts: Mapping[str, str]) -> list[Risk]:
    found: list[Risk] = []
    system = facts.get("file_system", "")
    if system in NETWORK:
        found.append(
            Risk(
                f"The file is on {system}, on another machine: locks may fail there, which damages the file.",
                "Put the file on a disk of this machine, or use PostgreSQL, MariaDB or Redis.",
            )
        )
    if system in VOLATILE:
        found.append(
            Risk(
                f"The file is on {system}, in memory: a restart of the machine loses every job.",
                "Put the file on a disk.",
            )
        )
    if system in LAYERED:
        found.append(
            Risk(
                f"The file is on {system}, as in the layer of a container that goes with it.",
                "Put the file on a volume, unless this is no container, or one that stays.",
            )
        )
    if facts["journal_mode"] != "wal":
        found.append(
            Risk(
                f"journal_mode is {facts['journal_mode']}: those who read and those who write wait for each other.",
                "Put the file on a file system with shared memory, where SQLite can use WAL.",
            )
        )
    if facts["synchronous"] not in {"full", "extra"}:
        found.append(
            Risk(
                f"synchronous is {facts['synchronous']}: a crash of the machine may lose the last accepted jobs.",
                "Set synchronous=full in the store's URL, where that is too much.",
            )
        )
    return found


def _postgresql_durability(facts: Mapping[str, str]) -> str:
    commit = facts["synchronous_commit"]
    if facts["persistence"] == "u":
        return "The tables are unlogged: a crash of the server empties them."
    if facts["fsync"] != "on":
        return "The server does not wait for the disk: a crash of the machine may destroy the database."
    if commit == "off":
        return "The server writes a job to disk within a second: a crash of the server may lose the last ones."
    if facts["synchronous_standby_names"] and commit in {"on", "remote_apply", "remote_write"}:
        return "The server and its synchronous standbys have written a job to disk before it is accepted."
    return "The server writes a job to disk before it is accepted."


def _postgresql_risks(facts: Mapping[str, str]) -> list[Risk]:
    commit = facts["synchronous_commit"]
    return _applicable(
        (
            facts["fsync"] != "on",
            "fsync is off: a crash of the machine may destroy the database.",
            "Set fsync to on.",
        ),
        (
            facts["persistence"] == "u",
            "The table of jobs is unlogged: a crash of the server empties it.",
            "ALTER TABLE … SET LOGGED, for each table of the store.",
        ),
        (
            facts["full_page_writes"] != "on",
            "full_page_writes is off: a crash of the machine may damage pages that were being written.",
            "Set full_page_writes to on, unless the file system writes pages as a whole.",
        ),
        (
            commit == "off",
            "synchronous_commit is off: a crash of the server may lose the last accepted jobs.",
            "Set synchronous_commit to on for this user or database.",
        ),
        (
            commit == "local" and bool(facts["synchronous_standby_names"]),
            "synchronous_commit is local: a failover may lose jobs that the standbys do not have yet.",
            "Set synchronous_commit to on for this user or database.",
        ),
        (
            facts["in_recovery"] == "true",
            "The server is a standby, which takes no writes.",
            "Let the store's URL name the primary.",
        ),
        (
            facts["default_transaction_read_only"] == "on" and facts["in_recovery"] != "true",
            "default_transaction_read_only is on: submissions answer 503.",
            "Set it to off for this user or database.",
        ),
    )


def _mysql_durability(facts: Mapping[str, str]) -> str:
    flush = facts.get("innodb_flush_log_at_trx_commit")
    if flush == "1":
        return "The server writes a job to disk before it is accepted."
    if flush == "2":
        return "The server writes a job to disk within a second: a crash of the machine may lose the last ones."
    if flush == "0":
        return "The server writes a job to disk within a second: its end may lose the last ones."
    return "Whether the server writes jobs to disk at once is not known, because it does not say."


def _mysql_risks(facts: Mapping[str, str]) -> list[Risk]:
    flush = facts.get("innodb_flush_log_at_trx_commit", "1")
    lost = "the end of the server" if flush == "0" else "a crash of the machine"
    return _applicable(
        (
            facts["engine"].lower() != "innodb",
            f"The table of jobs is in the engine {facts['engine']}, which may have no transactions.",
            "ALTER TABLE … ENGINE = InnoDB, for each table of the store.",
        ),
        (
            facts.get("innodb_doublewrite", "ON").upper() in {"OFF", "0"},
            "innodb_doublewrite is off: a crash of the machine may damage pages that were being written.",
            "Set innodb_doublewrite to ON, unless the file system writes pages as a whole.",
        ),
        (
            flush not in {"1", "3"},
            f"innodb_flush_log_at_trx_commit is {flush}: {lost} may lose the last second of accepted jobs.",
            "Set innodb_flush_log_at_trx_commit to 1.",
        ),
        (
            _is_on(facts.get("log_bin")) and facts.get("sync_binlog", "1") == "0",
            "sync_binlog is 0: after a crash of the machine replicas may have other jobs than the server.",
            "Set sync_binlog to 1.",
        ),
        (
            _is_on(facts.get("read_only")),
            "The server is read_only: submissions answer 503, unless its user may write all the same.",
            "Let the store's URL name the primary, or set read_only to OFF.",
        ),
    )


def _is_on(value: str | None) -> bool:
    return (value or "").upper() in {"ON", "1"}


def _applicable(*known: tuple[bool, str, str]) -> list[Risk]:
    return [Risk(what, remedy) for applies, what, remedy in known if applies]


_DURABILITY: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "sqlite": _sqlite_durability,
    "postgresql": _postgresql_durability,
    "mariadb": _mysql_durability,
    "mysql": _mysql_durability,
}
_RISKS: Final[Mapping[str, Callable[[Mapping[str, str]], list[Risk]]]] = {
    "sqlite": _sqlite_risks,
    "postgresql": _postgresql_risks,
    "mariadb": _mysql_risks,
    "mysql": _mysql_risks,
}
INSPECTIONS: Final[Mapping[str, Callable[[Connection, Table], dict[str, str]]]] = {
    "sqlite": inspect_sqlite,
    "postgresql": inspect_postgresql,
    "mariadb": inspect_mysql,
    "mysql": inspect_mysql,
}
"""What asks a database, by the name of SQLAlchemy's dialect."""
