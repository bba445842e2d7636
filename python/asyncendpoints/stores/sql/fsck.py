"""Rows are compared with each other, some hundreds at a time, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, inspect, select, text

from asyncendpoints.stores.sql.soundness import BODIES, LOOKED_AT, findings_about, run_findings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from sqlalchemy import ColumnElement, Table

    from asyncendpoints.stores.sql.transaction import Transaction

    Reading: TypeAlias = Callable[[Callable[[Transaction], Any]], Awaitable[Any]]

AT_ONCE: Final = 500
"""How many rows one transaction looks at."""
MOST: Final = 1_000
"""How many findings are told."""
LATE_MS: Final = 60 * 60 * 1_000
"""How long after its time something may lie there: what sweeps may have been down for the time of a release."""


async def find_damage(read: Reading) -> list[str]:
    """Return what does not fit, one sentence each, at most `MOST` of them. Jobs may come and go meanwhile.

    Args:
        read: Does something in a transaction that only reads.
    """
    missing: list[str] = await read(_missing)
    if missing:
        # Whatever else is asked of such a database is refused.
        return missing
    found: list[str] = await read(_file)
    found += await read(_indexes)
    found += await read(_leftovers)
    for walk in (_jobs, _lone_runs, _lone_effects):
        after: str | None = ""
        while after is not None and len(found) < MOST:
            last = after
            findings, after = await read(lambda tx, walk=walk, last=last: walk(tx, last))
            found += findings
    return found[:MOST]


def _file(tx: Transaction) -> list[str]:
    """Let SQLite look at the pages of the store's tables; servers look after theirs."""
    if tx.connection.dialect.name != "sqlite":
        return []
    found: list[str] = []
    for table in tx.tables.metadata.sorted_tables:
        name = tx.connection.dialect.identifier_preparer.quote(table.name)
        for (sentence,) in tx.connection.execute(text(f"PRAGMA integrity_check({name})")):
            if sentence != "ok":
                found.append(f"the file is damaged in the table {table.name}: {sentence}")
    return found


def _missing(tx: Transaction) -> list[str]:
    looking = inspect(tx.connection)
    return [
        f"the table {table.name} is missing"
        for table in tx.tables.metadata.sorted_tables
        if not looking.has_table(table.name, schema=table.schema)
    ]


def _indexes(tx: Transaction) -> list[str]:
    looking = inspect(tx.connection)
    found: list[str] = []
    for table in tx.tables.metadata.sorted_tables:
        there = {index["name"] for index in looking.get_indexes(table.name, schema=table.schema)}
        wanted = {str(index.name) for index in table.indexes}
        found += [f"the index {name} of the table {table.name} is missing" for name in sorted(wanted - there)]
    return found


def _leftovers(tx: Transaction) -> list[str]:
    c = tx.tables.jobs.c
    late = tx.time(None) - LATE_MS
    found: list[str] = []
    for column, what in (
        (c.prune_at, "should have been deleted"),
        (c.strip_at, "should have lost payload and result"),
        (c.lease_until, "should have been rescued from workers that are gone"),
    ):
        number = tx.run(select(func.count()).where(c.namespace == bindparam("ns"), column < late)).scalar_one()
        if number:
            jobs = "1 job" if number == 1 else f"{number} jobs"
            found.append(f"{jobs} {what} more than an hour ago: does any process sweep?")
    return found


def _jobs(tx: Transaction, after: str) -> tuple[list[str], str | None]:
    jobs, runs = tx.tables.jobs.c, tx.tables.runs.c
    columns: list[ColumnElement[Any]] = [jobs[name] for name in LOOKED_AT]
    columns += [jobs[name].is_not(None).label(name) for name in BODIES]
    rows = tx.rows(
        select(*columns)
        .where(jobs.namespace == bindparam("ns"), jobs.job_id > after)
        .order_by(jobs.job_id)
        .limit(AT_ONCE)
    )
    if not rows:
        return [], None
    found = [sentence for row in rows for sentence in findings_about(row)]
    fences = {row["job_id"]: row["fence"] for row in rows}
    earlier = tx.rows(
        select(runs.job_id, runs.number, runs.finished_at, runs.outcome).where(
            runs.namespace == bindparam("ns"), runs.job_id > after, runs.job_id <= rows[-1]["job_id"]
        )
    )
    found += [
        sentence for run in earlier if run["job_id"] in fences for sentence in run_findings(run, fences[run["job_id"]])
    ]
    keys = [row["key_digest"] for row in rows if row["key_digest"] is not None]
    if keys:
        twice = (
            select(jobs.key_digest)
            .where(tx.dialect.among(jobs.key_digest, "keys"))
            .group_by(jobs.key_digest)
            .having(func.count() > 1)
        )
        found += [
            f"the idempotency key with the digest {key} has more than one job"
            for (key,) in tx.tuples(twice, keys=tx.packed(keys))
        ]
    return found, rows[-1]["job_id"]


def _lone_runs(tx: Transaction, after: str) -> tuple[list[str], str | None]:
    ids, last = _ids(tx, tx.tables.runs, "job_id", after)
    lone = sorted(set(ids) - _known(tx, ids, "job_id"))
    return [f"there are runs of job {job_id}, which does not exist" for job_id in lone], last


def _lone_effects(tx: Transaction, after: str) -> tuple[list[str], str | None]:
    ids, last = _ids(tx, tx.tables.effects, "origin", after)
    lone = sorted(set(ids) - _known(tx, ids, "job_id") - _known(tx, ids, "origin"))
    return [
        f"there are effects of job {job_id}, and neither it nor one redriven from it exists" for job_id in lone
    ], last


def _ids(tx: Transaction, table: Table, name: str, after: str) -> tuple[Sequence[str], str | None]:
    column = table.c[name]
    found = tx.tuples(
        select(column)
        .distinct()
        .where(and_(table.c.namespace == bindparam("ns"), column > after))
        .order_by(column)
        .limit(AT_ONCE)
    )
    ids = [job_id for (job_id,) in found]
    return ids, ids[-1] if ids else None


def _known(tx: Transaction, ids: Sequence[str], name: str) -> set[str]:
    if not ids:
        return set()
    c = tx.tables.jobs.c
    statement = select(c[name]).where(tx.dialect.among(c[name], "ids"))
    return {job_id for (job_id,) in tx.tuples(statement, ids=tx.packed(ids))}
