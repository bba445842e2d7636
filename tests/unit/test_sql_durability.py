"""`doctor` tells what an accepted job survives in a SQL database, and what may cost it, with a remedy for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asyncendpoints.doctor import _told, diagnose
from asyncendpoints.stores.sql.durability import durability, risks
from asyncendpoints.stores.sql.examination import SqlExamination
from asyncendpoints.stores.sql.filesystem import file_system_of
from asyncendpoints.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from pathlib import Path

SQLITE = {"sqlite_version": "3.40.1", "journal_mode": "wal", "synchronous": "full", "file_system": "ext4"}
POSTGRESQL = {
    "postgresql_version": "17.2",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "synchronous_standby_names": "",
    "default_transaction_read_only": "off",
    "in_recovery": "false",
    "persistence": "p",
}
MARIADB = {
    "mariadb_version": "10.11.6",
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "log_bin": "ON",
    "sync_binlog": "1",
    "read_only": "OFF",
    "engine": "InnoDB",
}


@pytest.mark.parametrize("facts", [SQLITE, POSTGRESQL, MARIADB], ids=["sqlite", "postgresql", "mariadb"])
def test_a_database_that_waits_for_the_disk_has_no_risks(facts: dict[str, str]) -> None:
    """Where every accepted job is on the disk first, nothing is to be told but that."""
    assert risks(facts) == []
    assert durability(facts).endswith(("to the disk before they are accepted.", "to disk before it is accepted."))


@pytest.mark.parametrize(
    ("facts", "change", "words"),
    [
        (SQLITE, {"synchronous": "normal"}, "synchronous is normal: a crash of the machine may lose the last"),
        (SQLITE, {"synchronous": "off"}, "synchronous is off"),
        (SQLITE, {"journal_mode": "delete"}, "journal_mode is delete"),
        (SQLITE, {"file_system": "nfs4"}, "on nfs4, on another machine: locks may fail there"),
        (SQLITE, {"file_system": "tmpfs"}, "on tmpfs, in memory: a restart of the machine loses every job"),
        (SQLITE, {"file_system": "overlay"}, "on overlay, as in the layer of a container"),
        (POSTGRESQL, {"fsync": "off"}, "fsync is off: a crash of the machine may destroy the database"),
        (POSTGRESQL, {"full_page_writes": "off"}, "full_page_writes is off"),
        (POSTGRESQL, {"synchronous_commit": "off"}, "synchronous_commit is off: a crash of the server may lose"),
        (POSTGRESQL, {"synchronous_commit": "local", "synchronous_standby_names": "*"}, "synchronous_commit is local"),
        (POSTGRESQL, {"in_recovery": "true", "default_transaction_read_only": "on"}, "The server is a standby"),
        (POSTGRESQL, {"default_transaction_read_only": "on"}, "default_transaction_read_only is on"),
        (POSTGRESQL, {"persistence": "u"}, "The table of jobs is unlogged"),
        (MARIADB, {"innodb_flush_log_at_trx_commit": "2"}, "is 2: a crash of the machine may lose the last second"),
        (MARIADB, {"innodb_flush_log_at_trx_commit": "0"}, "is 0: the end of the server may lose the last second"),
        (MARIADB, {"sync_binlog": "0"}, "sync_binlog is 0: after a crash of the machine replicas may have other jobs"),
        (MARIADB, {"innodb_doublewrite": "OFF"}, "innodb_doublewrite is off"),
        (MARIADB, {"read_only": "ON"}, "The server is read_only"),
        (MARIADB, {"engine": "Aria"}, "The table of jobs is in the engine Aria, which may have no transactions"),
    ],
)
def test_what_may_cost_jobs_is_told_with_a_remedy(facts: dict[str, str], change: dict[str, str], words: str) -> None:
    """Each setting that weakens a promise is one risk."""
    (risk,) = risks({**facts, **change})
    assert words in risk.what
    assert risk.remedy.endswith(".")


@pytest.mark.parametrize(
    ("facts", "change", "sentence"),
    [
        (SQLITE, {"synchronous": "normal"}, "a crash of the machine may lose the last ones"),
        (POSTGRESQL, {"synchronous_commit": "off"}, "a crash of the server may lose the last ones"),
        (POSTGRESQL, {"synchronous_standby_names": "*"}, "The server and its synchronous standbys have written"),
        (POSTGRESQL, {"persistence": "u"}, "a crash of the server empties them"),
        (POSTGRESQL, {"fsync": "off"}, "a crash of the machine may destroy the database"),
        (MARIADB, {"innodb_flush_log_at_trx_commit": "2"}, "a crash of the machine may lose the last ones"),
        (MARIADB, {"innodb_flush_log_at_trx_commit": "0"}, "its end may lose the last ones"),
    ],
)
def test_durability_is_what_the_settings_make_of_it(
    facts: dict[str, str], change: dict[str, str], sentence: str
) -> None:
    """The sentence at the start of a process is the one that is true."""
    assert sentence in durability({**facts, **change})


@pytest.mark.parametrize(
    ("path", "system"),
    [
        ("/data/jobs.db", "nfs4"),
        ("/data/deep/er/jobs.db", "tmpfs"),
        ("/with space/jobs.db", "cifs"),
        ("/elsewhere/jobs.db", "ext4"),
    ],
)
def test_a_file_is_on_the_file_system_that_is_mounted_nearest(tmp_path: Path, path: str, system: str) -> None:
    """The deepest mount above the file counts, and of two at one place the later."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 8:1 / / rw - ext4 /dev/sda rw\n"
        "22 21 0:50 / /data rw shared:1 - xfs /dev/sdb rw\n"
        "23 21 0:51 / /data rw shared:1 - nfs4 server:/jobs rw\n"
        "24 23 0:52 / /data/deep rw - tmpfs tmpfs rw\n"
        "25 21 0:53 / /with\\040space rw - cifs //server/share rw\n"
        "nothing of the kind\n"
    )
    assert file_system_of(type(tmp_path)(path), mounts) == system


def test_a_system_that_lists_no_mounts_says_nothing(tmp_path: Path) -> None:
    """Where the list is not there, as on macOS, no file system is named."""
    assert file_system_of(tmp_path, tmp_path / "no-such-file") is None


@pytest.mark.parametrize(("parameter", "risk"), [("", ["synchronous"]), ("?synchronous=full", [])])
async def test_doctor_examines_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameter: str, risk: list[str]
) -> None:
    """`synchronous=full` in the URL is what makes the difference to a new file."""
    monkeypatch.setattr("asyncendpoints.stores.sql.examination.file_system_of", lambda _path: "ext4")
    store = SqlStore(f"sqlite:///{tmp_path}/jobs.db{parameter}")
    assert isinstance(store, SqlExamination)
    found = await diagnose(store)
    assert (found.reachable, found.shared, found.exit_code) == (True, True, 4 if risk else 0)
    assert [each.what.split(" ")[0] for each in found.risks] == risk
    told = _told(found)
    assert told.startswith("The sqlite store answers (sqlite 3.")
    assert f"Durability: {store.traits.durability}\n" in told
