"""Why a job is not running: from what the store and the processes tell, without asking anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import msgspec

from asyncendpoints.observability.durations import in_words
from asyncendpoints.observability.logging import printable
from asyncendpoints.observability.reports import MAX_HANDLERS, MISSED_AFTER, Card, decode_card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncendpoints.job import Job
    from asyncendpoints.stores.base import Sign, StoreStats

Word: TypeAlias = Literal[
    "ended",
    "running",
    "cancel_requested",
    "worker_silent",
    "lease_passed",
    "scheduled",
    "retry",
    "due",
    "paused",
    "no_process",
    "handler_unknown",
    "slots_busy",
    "others_wait",
    "just_submitted",
    "next",
]
"""What holds a job: programs test this, people read the text."""

MOMENT_MS: Final = 2_000
"""For how long after a job has become claimable it is no wonder that nobody has taken it, in milliseconds."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a job is not running."""

    word: Word
    text: str
    """A sentence, in which nothing can disturb a terminal; HTML has to escape it."""
    stuck: bool = False
    """Whether the job stays where it is until somebody does something."""
    remedy: str | None = None
    """What to do about it, in a sentence."""


class _Process(NamedTuple):
    name: str
    card: Card
    silent_ms: int

    @property
    def lives(self) -> bool:
        return self.silent_ms <= MISSED_AFTER * 1000

    def knows(self, handler: str) -> bool:
        # A card has room for so many; whoever has more may know any.
        return handler in self.card.handlers or len(self.card.handlers) >= MAX_HANDLERS


def why_not_running(job: Job, stats: StoreStats, signs: Sequence[Sign], now: int) -> list[Reason]:
    """Return why a job is not running, what matters most first; for one that runs or has ended, just that.

    Args:
        job: The job.
        stats: What the store counts.
        signs: The last signs of life of the processes.
        now: The store's time, in UTC milliseconds.

    Returns:
        At least one reason.
    """
    if job.done:
        ended = job.updated_at if job.finished_at is None else job.finished_at
        return [Reason(word="ended", text=f"It has ended: {job.state}, {in_words(now - ended)} ago.")]
    processes = [
        _Process(sign.process, card, now - sign.seen_at)
        for sign in signs
        if (card := decode_card(sign.card)) is not None
    ]
    if job.state == "in_progress":
        return _of_running(job, processes, now)
    here = [each for each in processes if each.card.worker is not None and job.queue in each.card.queues]
    ready = [each for each in here if each.lives and not each.card.draining]
    held = _of_queue(job, stats, here, ready)
    if job.state == "scheduled" and job.due_at is not None and job.due_at > now:
        return [_of_waiting(job, job.due_at, now), *held]
    first: list[Reason] = []
    if job.state == "scheduled":
        text = "It is due, and is put into its queue by the next claim or sweep."
        first.append(Reason(word="due", text=text))
    return [*first, *held, *_of_rank(job, stats, ready, now)] or [_of_next(job, now)]


def _of_running(job: Job, processes: Sequence[_Process], now: int) -> list[Reason]:
    reasons: list[Reason] = []
    run = job.runs[-1] if job.runs else None
    worker = "a worker" if run is None else f"worker {printable(run.worker)}"
    since = "" if run is None else f", for {in_words(now - run.started_at)}"
    if job.lease_until is not None and job.lease_until <= now:
        lives = any(process.lives for process in processes)
        reasons.append(
            Reason(
                word="lease_passed",
                text=f"Its lease has passed {in_words(now - job.lease_until)} ago without a word of {worker}; "
                "it awaits its rescue.",
                stuck=not lives,
                remedy="Every started process sweeps for such jobs within seconds."
                if lives
                else "Start a process of the application: any of them rescues such jobs.",
            )
        )
    else:
        end = "" if job.lease_until is None else f"; its lease lasts {in_words(job.lease_until - now)} more"
        reasons.append(Reason(word="running", text=f"It runs: {worker} has it{since}{end}."))
        mine = None if run is None else next((each for each in processes if each.card.worker == run.worker), None)
        if mine is not None and not mine.lives:
            text = f"The process of {worker} ({_where(mine)}) has told nothing for {in_words(mine.silent_ms)}."
            remedy = "If it is gone, the job is rescued when its lease has passed."
            reasons.append(Reason(word="worker_silent", text=text, remedy=remedy))
    if job.cancel_requested_at is not None:
        text = f"It was asked to end {in_words(now - job.cancel_requested_at)} ago; its handler has been told."
        reasons.append(Reason(word="cancel_requested", text=text))
    return reasons


def _of_waiting(job: Job, due_at: int, now: int) -> Reason:
    left = in_words(due_at - now)
    if job.runs:
        text = f"It waits for its next attempt ({job.attempt + 1} of {job.max_attempts}), which is due in {left}."
        return Reason(word="retry", text=text)
    return Reason(word="scheduled", text=f"It is scheduled for later, and due in {left}.")


def _of_queue(job: Job, stats: StoreStats, here: Sequence[_Process], ready: Sequence[_Process]) -> list[Reason]:
    """Return what keeps anything in the job's queue from running, now or when it is due."""
    queue = printable(job.queue)
    reasons: list[Reason] = []
    if job.queue in stats.paused:
        text = f"Its queue {queue} is paused."
        remedy = "Resume the queue: nothing is claimed from it until then."
        reasons.append(Reason(word="paused", text=text, stuck=True, remedy=remedy))
    if not ready:
        reasons.append(
            Reason(
                word="no_process",
                text=f"No live process works on its queue {queue}{_last_of(here)}.",
                stuck=True,
                remedy=f"Start a worker that serves {queue}, or add the queue to those of one that runs.",
            )
        )
    elif not any(each.knows(job.handler) for each in ready):
        name = printable(job.handler)
        reasons.append(
            Reason(
                word="handler_unknown",
                text=f"No process that works on its queue {queue} knows a handler {name}; whoever claims it fails it.",
                stuck=True,
                remedy="Deploy the handler to the workers of this queue, or stop them until it is.",
            )
        )
    return reasons


def _last_of(processes: Sequence[_Process]) -> str:
    lives = [each for each in processes if each.lives]
    if lives:
        return f": {len(lives)} of them only {'drains' if len(lives) == 1 else 'drain'}"
    if processes:
        last = min(processes, key=lambda each: each.silent_ms)
        return f"; the last one, {_where(last)}, was heard of {in_words(last.silent_ms)} ago"
    return ""


def _of_rank(job: Job, stats: StoreStats, ready: Sequence[_Process], now: int) -> list[Reason]:
    """Return what goes before the job in a queue that is served."""
    reasons: list[Reason] = []
    slots, busy = sum(each.card.slots for each in ready), sum(each.card.busy for each in ready)
    if ready and busy >= slots:
        text = f"All slots of the processes that work on its queue are busy: {busy} of {slots}."
        remedy = "It runs when one comes free; more processes, or a higher concurrency, give more."
        reasons.append(Reason(word="slots_busy", text=text, remedy=remedy))
    others = stats.counts.get(job.queue, {}).get("queued", 0) - (job.state == "queued")
    if others > 0:
        oldest = stats.oldest_ready_at.get(job.queue)
        age = "" if oldest is None else f", the oldest for {in_words(now - oldest)}"
        many = "1 other job waits" if others == 1 else f"{others} other jobs wait"
        text = f"{many} in its queue{age}: those of higher priority go first, then those that have waited longer."
        reasons.append(Reason(word="others_wait", text=text))
    return reasons


def _of_next(job: Job, now: int) -> Reason:
    age = now - job.updated_at
    if age <= MOMENT_MS:
        return Reason(word="just_submitted", text="It has come just now, and nobody has looked for it yet.")
    text = f"Nothing holds it: it is the next of its queue, where it has been for {in_words(age)}."
    remedy = "If it stays so, look at the log of the processes that work on its queue."
    return Reason(word="next", text=text, remedy=remedy)


def _where(process: _Process) -> str:
    return f"{printable(process.card.host)} (process {process.card.pid})"
