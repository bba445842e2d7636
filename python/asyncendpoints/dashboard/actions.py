"""What a visitor with the right to act can do, one job or one queue at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from asyncendpoints.errors import JobNotCancelable, JobNotFound, JobNotRedrivable, QueueFull, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncendpoints.engine import Engine
    from asyncendpoints.job import Job

Name = Literal["cancel", "redrive", "run-now", "delete"]


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done to a job."""

    name: Name
    label: str
    """What the button says."""
    question: str
    """What the visitor confirms."""
    effect: str
    """What it does, in a sentence or two."""
    is_final: bool = False
    """Whether it cannot be taken back."""


CANCEL: Final = Action(
    "cancel",
    "Cancel",
    "Cancel this job?",
    "A job that waits is canceled at once and never runs. One that runs is asked to end: its handler is told within a "
    "second.",
    is_final=True,
)
REDRIVE: Final = Action(
    "redrive",
    "Redrive",
    "Run this job again?",
    "A new job is made with the same request. This one stays as it is, and effects that it has recorded are not "
    "repeated.",
)
RUN_NOW: Final = Action(
    "run-now",
    "Run now",
    "Run this job now?",
    "It no longer waits for its time: it is put into its queue, and runs when a worker is free.",
)
DELETE: Final = Action(
    "delete",
    "Delete",
    "Delete this job?",
    "The record, its result, its idempotency key and its recorded effects are removed: a client that asks for it finds "
    "nothing, and the same key makes a new job.",
    is_final=True,
)
ACTIONS: Final = {action.name: action for action in (CANCEL, REDRIVE, RUN_NOW, DELETE)}


@dataclass(frozen=True, slots=True)
class Told:
    """What came of an action, to be shown on the page that follows."""

    word: str
    """One of those of `TEXTS`."""
    count: int = 1
    """How many jobs it concerned."""
    job_id: str = ""
    """The new job of a redrive."""


TEXTS: Final = {
    "canceled": "The job is canceled.",
    "asked": "The job was asked to end; its handler has been told.",
    "not-cancelable": "The job had ended before it could be canceled.",
    "redriven": "A new job repeats it.",
    "not-redrivable": "The job cannot be run again: it has not failed, or its request is no longer kept.",
    "queue-full": "The queue is full; nothing was changed.",
    "refused": "The store refused it; nothing was changed.",
    "runs": "The job is in its queue, and runs when a worker is free.",
    "not-waiting": "The job no longer waited for its time.",
    "deleted": "The job is deleted.",
    "not-deletable": "Only jobs that have ended can be deleted.",
    "gone": "The job is gone.",
    "paused": "The queue is paused: nothing is claimed from it.",
    "resumed": "The queue is resumed.",
    "group-redriven": "New jobs repeat the failed ones.",
    "group-stopped": "The queue is full: the others were not run again.",
}
"""What the page says for each word: nothing of it comes from an address or a job."""
GOOD: Final = frozenset({"canceled", "asked", "redriven", "runs", "deleted", "paused", "resumed", "group-redriven"})


def possible(job: Job) -> list[Action]:
    """Return what can be done to a job in its state."""
    if not job.done:
        cancelable = [] if job.cancel_requested_at is not None else [CANCEL]
        return [RUN_NOW, *cancelable] if job.state == "scheduled" else cancelable
    return [REDRIVE, DELETE] if job.state == "failed" and not job.stripped else [DELETE]


async def act(engine: Engine, name: Name, job_id: str) -> Told:
    """Do it, and return what came of it.

    Raises:
        StoreUnavailable: The store does not answer; it may have happened or not.
    """
    try:
        return await _DOING[name](engine, job_id)
    except tuple(_REFUSALS) as error:
        return Told(next(word for kind, word in _REFUSALS.items() if isinstance(error, kind)), 0)


async def _cancel(engine: Engine, job_id: str) -> Told:
    answer = await engine.cancel(job_id)
    return Told("asked" if answer.word == "requested" else "canceled")


async def _redrive(engine: Engine, job_id: str) -> Told:
    return Told("redriven", job_id=(await engine.redrive(job_id)).job_id)


async def _run_now(engine: Engine, job_id: str) -> Told:
    before = await engine.get(job_id)
    if before.state != "scheduled":
        return Told("not-waiting", 0)
    after = await engine.store.run_now(job_id, now=engine.clock.store_now())
    return Told("gone", 0) if after is None else Told("runs")


async def _delete(engine: Engine, job_id: str) -> Told:
    if await engine.store.delete(job_id):
        return Told("deleted")
    return Told("gone" if await engine.store.get(job_id) is None else "not-deletable", 0)


_DOING: Final[dict[Name, Callable[[Engine, str], Awaitable[Told]]]] = {
    "cancel": _cancel,
    "redrive": _redrive,
    "run-now": _run_now,
    "delete": _delete,
}
_REFUSALS: Final[dict[type[Exception], str]] = {
    JobNotFound: "gone",
    JobNotCancelable: "not-cancelable",
    JobNotRedrivable: "not-redrivable",
    QueueFull: "queue-full",
    StoreRefused: "refused",
}
