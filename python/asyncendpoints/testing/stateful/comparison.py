"""A store and its model side by side, and what must be the same of both after every step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hypothesis.stateful import RuleBasedStateMachine, invariant

from asyncendpoints.testing.clock import VirtualClock
from asyncendpoints.testing.snapshot import snapshot
from asyncendpoints.testing.stateful.model import ModelStore
from asyncendpoints.testing.stateful.model_job import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from asyncendpoints._core import NewJob, Settlement
    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Store

T = TypeVar("T")


def has_jobs(machine: Comparison) -> bool:
    """Whether anything was ever submitted."""
    return bool(machine.submitted)


def has_waiting(machine: Comparison) -> bool:
    """Whether a job waits for its time or for a worker."""
    return machine.count("scheduled", "queued") > 0


def has_scheduled(machine: Comparison) -> bool:
    """Whether a job waits for its time."""
    return machine.count("scheduled") > 0


def has_running(machine: Comparison) -> bool:
    """Whether a run holds a job."""
    return machine.count("in_progress") > 0


def has_ended(machine: Comparison) -> bool:
    """Whether a job has ended."""
    return machine.count(*TERMINAL) > 0


def has_settlements(machine: Comparison) -> bool:
    """Whether anything was ever settled."""
    return bool(machine.settlements)


class Comparison(RuleBasedStateMachine):
    """A store and its model, told the same and asked the same."""

    @staticmethod
    def make() -> Store:
        """Return a store with nothing in it; `store_machine` puts the real one here."""
        raise NotImplementedError("make a machine for your store with store_machine(make)")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        self.model = ModelStore()
        self.store = self.make()
        self.runs: list[tuple[str, int]] = []
        self.submitted: list[NewJob] = []
        self.claim_ids: list[str] = []
        self.settlements: list[Settlement] = []
        self.wait_for(self.store.open())

    def teardown(self) -> None:
        """Close the store."""
        self.wait_for(self.store.close())
        self._loop.close()

    def wait_for(self, call: Coroutine[Any, Any, T]) -> T:
        """Return what an operation of the store answers."""
        return self._loop.run_until_complete(call)

    def count(self, *states: str) -> int:
        """Return how many jobs are in these states."""
        return sum(job.state in states for job in self.model.jobs.values())

    def a_job_id(self, pick: int) -> str:
        """Return a job: mostly one that is there, sometimes one that is long gone."""
        there = list(self.model.jobs)
        if there and pick % 8:
            return there[pick // 8 % len(there)]
        return self.submitted[pick // 8 % len(self.submitted)].job_id

    def a_run(self, pick: int) -> tuple[str, int]:
        """Return a run: mostly one that holds its job, sometimes one that is long over."""
        held = [run for run in self.runs if self.model.holds(*run)]
        runs = held if held and pick % 4 else self.runs
        return runs[pick // 4 % len(runs)]

    def a_creation(self, pick: int | None) -> int | None:
        """Return when a job that is there was created, or a millisecond beside it; None for None."""
        moments = sorted({job.created_at for job in self.model.jobs.values()}) or [self.clock.now]
        return None if pick is None else moments[pick // 3 % len(moments)] + pick % 3 - 1

    def agree_on(self, job_id: str, found: Job | None) -> None:
        """Complain unless a job is as the model has it."""
        known = self.model.jobs.get(job_id)
        agree(f"job {job_id}", snapshot(found) if found else None, known.picture() if known else None)

    @invariant()
    def every_job_is_as_the_model_has_it(self) -> None:
        """Every job that ever was is as the model has it, or gone as the model has it."""
        for new in self.submitted:
            self.agree_on(new.job_id, self.wait_for(self.store.get(new.job_id)))

    @invariant()
    def the_numbers_are_those_of_the_jobs(self) -> None:
        """Counts and ages are those of the model."""
        stats = self.wait_for(self.store.stats(now=self.clock.now))
        counts = {
            (queue, state): number
            for queue, states in stats.counts.items()
            for state, number in states.items()
            if number
        }
        agree("counts", counts, self.model.counts())
        agree("paused queues", stats.paused, self.model.paused)
        agree("ages", stats.oldest_ready_at, self.model.oldest_ready(self.clock.now))


def agree(what: str, store: Any, model: Any) -> None:
    """Complain unless store and model say the same."""
    if store == model:
        return
    if isinstance(store, dict) and isinstance(model, dict):
        # Only what differs: a job has three dozen fields.
        there, here = cast("dict[Any, Any]", store), cast("dict[Any, Any]", model)
        keys = [key for key in {**there, **here} if there.get(key, "absent") != here.get(key, "absent")]
        store, model = {key: there.get(key) for key in keys}, {key: here.get(key) for key in keys}
    raise AssertionError(f"{what}: the store says {store!r}, the model says {model!r}")
