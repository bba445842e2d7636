"""Examining an application's store: `asyncendpoints doctor`, and `asyncendpoints fsck`."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.errors import AsyncEndpointsError, StoreUnavailable
from asyncendpoints.observability.reports import NO_SLOT
from asyncendpoints.probe import PATIENCE, Probe, run_probe
from asyncendpoints.stores.risk import Examinable, Risk
from asyncendpoints.stores.versions import Migratable, Versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.engine import Engine
    from asyncendpoints.stores.base import Store
    from asyncendpoints.stores.outbox import Outbox, OutboxStats

SOUND: Final = 0
"""The exit code where nothing was found."""
UNREACHABLE: Final = 1
"""The exit code where the store does not answer."""
FOUND: Final = 4
"""The exit code where risks, or damage, were found."""
CLOCK_TOLERANCE_MS: Final = 1_000
"""By how many milliseconds the store's clock and this machine's may differ before somebody should look."""
LONGEST_WAIT: Final = 60.0
"""Seconds that a submission may wait in an outbox before somebody should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `doctor` finds out about a store."""

    store: str
    """One word: `memory`, `redis`, …"""
    reachable: bool
    trouble: str | None = None
    """Why it is not reachable."""
    version: str | None = None
    """What the server is, and its version."""
    shared: bool
    """Whether several processes see the same jobs."""
    durability: str | None = None
    """What an accepted job survives; None where the store was not reached."""
    schema: Versions | None = None
    """Which version the store's tables had, where it has tables, before it was opened."""
    clock_difference_ms: int | None = None
    """By how much the store's clock is ahead of this machine's; None where they are the same clock."""
    probe: Probe | None = None
    """What became of a job that was run through; None where it could not even be stored."""
    outbox: OutboxStats | None = None
    """What waits in the outbox, where there is one."""
    risks: list[Risk] = field(default_factory=list[Risk])
    """What may cost accepted jobs, the worst first."""

    @property
    def exit_code(self) -> int:
        """The exit code that tells it."""
        if not self.reachable:
            return UNREACHABLE
        return FOUND if self.risks else SOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What `fsck` finds in a store."""

    store: str
    checkable: bool
    """Whether the store has anything that could be damaged from outside."""
    reachable: bool = True
    trouble: str | None = None
    findings: list[str] = field(default_factory=list[str])
    """What does not fit, one sentence each."""

    @property
    def exit_code(self) -> int:
        """The exit code that tells it."""
        if not self.reachable:
            return UNREACHABLE
        return FOUND if self.findings else SOUND


async def diagnose(store: Store, outbox: Outbox | None = None) -> Diagnosis:
    """Find out what a store does for accepted jobs.

    Args:
        store: It is opened, and closed again.
        outbox: So is this, where there is one.
    """
    name, shared = store.traits.name, store.traits.shared
    try:
        waiting = None if outbox is None else await _stats(outbox)
        schema = await store.versions() if isinstance(store, Migratable) else None
        if schema is not None and schema.found is not None and not schema.fit:
            return Diagnosis(store=name, shared=shared, reachable=True, schema=schema, risks=[_other_schema(schema)])
        await store.open()
        await store.ping()
        facts: Mapping[str, str] = await store.inspect() if isinstance(store, Examinable) else {}
        difference = await _clock_difference(store) if shared else None
        probe, failure = await _probe(store)
        return Diagnosis(
            store=name,
            shared=shared,
            reachable=True,
            version=_version(facts),
            durability=store.traits.durability,
            schema=schema,
            clock_difference_ms=difference,
            probe=probe,
            outbox=waiting,
            risks=[
                *([] if failure is None else [failure]),
                *(await store.risks() if isinstance(store, Examinable) else []),
                *_risks_of_clock(difference),
                *_risks_of(waiting),
            ],
        )
    except StoreUnavailable as error:
        return Diagnosis(store=name, shared=shared, reachable=False, trouble=str(error))
    finally:
        await store.close()


def _other_schema(schema: Versions) -> Risk:
    return Risk(
        f"The tables have version {schema.found}, and this release needs version {schema.needed}: it does not start.",
        "Run `asyncendpoints migrate` with the release that is to use them.",
    )


async def _clock_difference(store: Store) -> int:
    """Return by how many milliseconds the store's clock is ahead, as the quickest of some answers tells it."""
    found: list[tuple[float, float]] = []
    for _ in range(3):
        before = time.time()
        theirs = (await store.reports(since=NO_SLOT)).now
        after = time.time()
        found.append((after - before, theirs - (before + after) * 500))
    return round(min(found)[1])


def _risks_of_clock(difference_ms: int | None) -> list[Risk]:
    if difference_ms is None or abs(difference_ms) <= CLOCK_TOLERANCE_MS:
        return []
    where = "ahead of" if difference_ms > 0 else "behind"
    return [
        Risk(
            f"The store's clock is {abs(difference_ms) / 1000:.1f} s {where} this machine's: jobs run by the store's, "
            "and the times in their resources and in logs do not fit together.",
            "Let both machines keep their clocks by NTP.",
        )
    ]


async def _probe(store: Store) -> tuple[Probe | None, Risk | None]:
    remedy = "The log has what the store answered; `asyncendpoints fsck` compares its records and indexes."
    try:
        probe = await run_probe(store)
    except StoreUnavailable:
        raise
    except AsyncEndpointsError as error:
        return None, Risk(f"A probe job could not be run through: {error}", remedy)
    if probe.passed:
        return probe, None
    return probe, Risk(f"A probe job was still {probe.state} after {PATIENCE:g} s: no job would end.", remedy)


async def _stats(outbox: Outbox) -> OutboxStats:
    try:
        await outbox.open()
        return await outbox.stats()
    finally:
        await outbox.close()


def _risks_of(outbox: OutboxStats | None) -> list[Risk]:
    found: list[Risk] = []
    if outbox is not None and outbox.oldest_for is not None and outbox.oldest_for > LONGEST_WAIT:
        found.append(
            Risk(
                f"Submissions wait in the outbox, the oldest for {outbox.oldest_for:.0f} s.",
                "A relay moves them in every started process: is one running, does its store answer, is a queue full?",
            )
        )
    if outbox is not None and outbox.refused:
        found.append(
            Risk(
                f"The store has refused {outbox.refused} submissions of the outbox, which are kept as failed jobs.",
                "The log of the relay named each, with the reason; redrive those that are to be run.",
            )
        )
    return found


async def check(store: Store) -> Check:
    """Compare a store's records and indexes with each other.

    Args:
        store: It is opened, and closed again; jobs may come and go meanwhile.
    """
    name = store.traits.name
    if not isinstance(store, Examinable):
        return Check(store=name, checkable=False)
    try:
        await store.open()
        return Check(store=name, checkable=True, findings=await store.fsck())
    except StoreUnavailable as error:
        return Check(store=name, checkable=True, reachable=False, trouble=str(error))
    finally:
        await store.close()


def _version(facts: Mapping[str, str]) -> str | None:
    for server in ("valkey", "redis", "sqlite", "postgresql", "mariadb", "mysql"):
        version = facts.get(f"{server}_version")
        if version:
            return f"{server} {version}"
    return None


def run_doctor(engine: Engine, *, as_json: bool) -> tuple[int, str]:
    """Examine an application's store.

    Args:
        engine: The application's.
        as_json: Whether programs are to read it.

    Returns:
        The exit code, and what to print.
    """
    try:
        found = asyncio.run(_interruptible(engine))
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    return found.exit_code, _as_json(asdict(found)) if as_json else _told(found)


async def _interruptible(engine: Engine) -> Diagnosis:
    # As asyncio.run does for Ctrl-C: what has been begun is taken back before the process ends.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await diagnose(engine.store, engine.outbox)


def run_fsck(engine: Engine, *, as_json: bool) -> tuple[int, str]:
    """Check an application's store.

    Args:
        engine: The application's.
        as_json: Whether programs are to read it.

    Returns:
        The exit code, and what to print.
    """
    found = asyncio.run(check(engine.store))
    return found.exit_code, _as_json(asdict(found)) if as_json else _checked(found)


def _as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2) + "\n"


def _told(found: Diagnosis) -> str:
    if not found.reachable:
        return f"The {found.store} store does not answer: {found.trouble}\n"
    lines = [f"The {found.store} store answers{f' ({found.version})' if found.version else ''}."]
    if found.durability:
        lines.append(f"Durability: {found.durability}")
    if found.schema is not None:
        lines.append(f"Tables: version {found.schema.needed}, as this release needs.")
    if found.clock_difference_ms is not None:
        lines.append(f"Clock: {found.clock_difference_ms:+d} ms from this machine's.")
    if found.probe is not None and found.probe.passed:
        lines.append(f"A probe job was run through in {found.probe.seconds * 1000:.0f} ms, and deleted.")
    if not found.shared:
        lines.append("Every process has jobs of its own.")
    if found.outbox is not None:
        lines.append(f"Outbox: {found.outbox.waiting} submissions wait to be moved to the store.")
    for risk in found.risks:
        lines += [f"Risk: {risk.what}", f"      {risk.remedy}"]
    if not found.risks and found.shared:
        lines.append("No risks were found.")
    return "\n".join(lines) + "\n"


def _checked(found: Check) -> str:
    if not found.checkable:
        return f"The {found.store} store has nothing to check.\n"
    if not found.reachable:
        return f"The {found.store} store does not answer: {found.trouble}\n"
    if not found.findings:
        return f"The {found.store} store is sound: its records and indexes agree.\n"
    count = len(found.findings)
    what = "1 thing does" if count == 1 else f"{count} things do"
    return "\n".join([f"{what} not fit in the {found.store} store:", *found.findings]) + "\n"
