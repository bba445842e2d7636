"""A job run through from end to end, in a queue of its own, which leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from asyncendpoints._core import Meters, NewJob, new_job_id
from asyncendpoints.clock import SystemClock
from asyncendpoints.observability.reports import NO_SLOT
from asyncendpoints.policy import make_policy
from asyncendpoints.registry import Handler, Registry
from asyncendpoints.settings import make_settings
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.worker import Worker

if TYPE_CHECKING:
    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Store

QUEUE: Final = "asyncendpoints-doctor"
"""Where probes wait: always the same, so that what a killed doctor left is found by the next one."""
HANDLER: Final = "asyncendpoints-probe"
PATIENCE: Final = 15.0
"""Seconds that a probe gets to end."""
LEFT_AFTER_MS: Final = 300_000
"""The age in milliseconds from which a probe is nobody's any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What became of a probe."""

    state: str
    """How far it came: `completed` where all is well."""
    seconds: float
    """How long it took from its submission to its end, or until nobody waited any more."""

    @property
    def passed(self) -> bool:
        """Whether it was run to its end."""
        return self.state == "completed"


async def run_probe(store: Store) -> Probe:
    """Store a job, run it with a worker of this process, read its end, and delete it.

    Args:
        store: It is open; no worker of the application's claims the probe.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    await _clear(store)
    registry = Registry()
    registry.add(Handler(HANDLER, _probe, make_policy(queue=QUEUE)))
    settings = make_settings(queues=(QUEUE,), concurrency=1, shutdown_grace=0.0)
    job = NewJob(
        job_id=new_job_id(),
        handler=HANDLER,
        queue=QUEUE,
        max_attempts=1,
        timeout_ms=int(PATIENCE * 1000),
        retention_completed_ms=60_000,
        retention_failed_ms=60_000,
    )
    begun = monotonic()
    worker = Worker(store, registry, settings, SystemClock(), Meters())
    try:
        await store.enqueue([job])
        ended = await _ended(store, job.job_id)
        return Probe(state="lost" if ended is None else ended.state, seconds=monotonic() - begun)
    finally:
        # Whatever interrupts it: the run is given back, and the job goes.
        await worker.drain(0)
        await worker.close()
        await _remove(store, job.job_id)


async def _probe() -> None:
    """Do nothing: that it is run is all there is to see."""


async def _ended(store: Store, job_id: str) -> Job | None:
    until = monotonic() + PATIENCE
    job = await store.get(job_id)
    while job is not None and not job.done and monotonic() < until:
        job = await store.wait(job_id, version=job.version, timeout=until - monotonic())
    return job


async def _remove(store: Store, job_id: str) -> None:
    await store.cancel(job_id)
    await store.delete(job_id)


async def _clear(store: Store) -> None:
    """Remove what doctors left that were killed; one that was running goes when it has been rescued, being canceled."""
    page = await store.list(JobFilter(queue=QUEUE))
    now = (await store.reports(since=NO_SLOT)).now
    old = [job for job in page.jobs if job.created_at <= now - LEFT_AFTER_MS]
    for job in old:
        await _remove(store, job.job_id)
