"""Why a job is not running is told from what the store and the processes say."""

from __future__ import annotations

from typing import Any

import pytest

from asyncendpoints._core import Job, Run, new_job_id
from asyncendpoints.observability.durations import in_words
from asyncendpoints.observability.reports import MAX_HANDLERS, Card, encode_card
from asyncendpoints.reasons import Reason, why_not_running
from asyncendpoints.stores.base import Sign, StoreStats

NOW = 1_700_000_000_000


def job(state: str = "queued", **members: Any) -> Job:
    times = {"created_at": NOW - 60_000, "updated_at": NOW - 60_000}
    return Job(
        job_id=new_job_id(now=NOW), handler="build", queue="default", version=1, **{"state": state, **times, **members}
    )


def sign(name: str = "a", *, ago: int = 1_000, **members: Any) -> Sign:
    card = {
        "host": "box",
        "pid": 7,
        "version": "1",
        "python": "3",
        "started_at": 0,
        "worker": f"worker-{name}",
        "queues": ["default"],
        "handlers": ["build"],
        "slots": 10,
        **members,
    }
    return Sign(name, encode_card(Card(**card)), NOW - ago)


def stats(queued: int = 1, *, paused: bool = False, oldest: int = NOW - 60_000) -> StoreStats:
    return StoreStats({"default": {"queued": queued}}, {"default": oldest}, frozenset({"default"} if paused else ()))


def words(reasons: list[Reason]) -> list[str]:
    return [reason.word for reason in reasons]


@pytest.mark.parametrize("state", ["completed", "failed", "canceled"])
def test_a_job_that_has_ended_is_said_to_have_ended(state: str) -> None:
    """Whatever its queue is like."""
    reasons = why_not_running(job(state, finished_at=NOW - 5_000), stats(paused=True), [], NOW)
    assert words(reasons) == ["ended"]
    assert reasons[0].text == f"It has ended: {state}, 5 s ago."


def test_a_running_job_names_its_worker_and_its_lease() -> None:
    """And since when it runs."""
    running = job(
        "in_progress", lease_until=NOW + 9_000, runs=[Run(number=1, started_at=NOW - 3_000, worker="worker-a")]
    )
    reasons = why_not_running(running, stats(0), [sign()], NOW)
    assert words(reasons) == ["running"]
    assert reasons[0].text == "It runs: worker worker-a has it, for 3 s; its lease lasts 9 s more."


def test_a_running_job_whose_process_is_silent_says_so() -> None:
    """Its lease has not passed yet, but the process has missed its reports."""
    running = job(
        "in_progress", lease_until=NOW + 9_000, runs=[Run(number=1, started_at=NOW - 3_000, worker="worker-a")]
    )
    reasons = why_not_running(running, stats(0), [sign(ago=21_000)], NOW)
    assert words(reasons) == ["running", "worker_silent"]
    assert "box (process 7)" in reasons[1].text


def test_a_running_job_that_was_asked_to_end_says_so() -> None:
    """The handler has been told, and goes on."""
    running = job("in_progress", lease_until=NOW + 9_000, cancel_requested_at=NOW - 2_000)
    assert words(why_not_running(running, stats(0), [sign()], NOW)) == ["running", "cancel_requested"]


@pytest.mark.parametrize(("signs", "stuck"), [([sign()], False), ([sign(ago=60_000)], True), ([], True)])
def test_a_lease_that_has_passed_awaits_its_rescue(signs: list[Sign], stuck: bool) -> None:
    """It is stuck only while no process lives that would rescue it."""
    lost = job("in_progress", lease_until=NOW - 4_000, runs=[Run(number=1, started_at=NOW - 30_000, worker="worker-b")])
    reasons = why_not_running(lost, stats(0), signs, NOW)
    assert words(reasons) == ["lease_passed"]
    assert reasons[0].stuck is stuck
    assert reasons[0].remedy


def test_a_job_for_later_says_when() -> None:
    """Before its first attempt and between two attempts."""
    later = job("scheduled", due_at=NOW + 90_000)
    again = job(
        "scheduled", due_at=NOW + 1_500, attempt=2, max_attempts=5, runs=[Run(number=2, started_at=1, worker="w")]
    )
    assert why_not_running(later, stats(0), [sign()], NOW)[0] == Reason(
        word="scheduled", text="It is scheduled for later, and due in 1 min 30 s."
    )
    (retry,) = why_not_running(again, stats(0), [sign()], NOW)
    assert retry.word == "retry"
    assert "(3 of 5), which is due in 1 s" in retry.text


def test_a_job_for_later_in_a_queue_that_nobody_works_on_says_that_too() -> None:
    """It would not run when it is due."""
    later = job("scheduled", due_at=NOW + 90_000)
    assert words(why_not_running(later, stats(0, paused=True), [], NOW)) == ["scheduled", "paused", "no_process"]


def test_a_due_job_that_is_still_scheduled_waits_for_a_claim_or_sweep() -> None:
    """Others may go first then."""
    due = job("scheduled", due_at=NOW - 10)
    assert words(why_not_running(due, stats(2), [sign()], NOW)) == ["due", "others_wait"]


def test_a_paused_queue_holds_its_jobs() -> None:
    """Somebody has to resume it."""
    (reason,) = why_not_running(job(), stats(paused=True), [sign()], NOW)
    assert (reason.word, reason.stuck) == ("paused", True)


@pytest.mark.parametrize(
    "signs",
    [
        [],
        [sign(queues=["reports"])],
        [sign(worker=None)],
        [sign(ago=20_001)],
        [sign(draining=True)],
        [Sign("a", b"from a far release", NOW)],
    ],
    ids=["none", "other queue", "no worker", "silent", "drains", "unreadable"],
)
def test_a_queue_that_no_live_process_works_on_holds_its_jobs(signs: list[Sign]) -> None:
    """Somebody has to start one."""
    (reason,) = why_not_running(job(), stats(), signs, NOW)
    assert (reason.word, reason.stuck) == ("no_process", True)


def test_the_last_process_of_a_queue_is_named() -> None:
    """So that one knows where to look."""
    (reason,) = why_not_running(
        job(), stats(), [sign("a", ago=90_000), sign("b", ago=50_000, host="\x1b[31mbox2")], NOW
    )
    assert reason.text == (
        "No live process works on its queue default; the last one, \\x1b[31mbox2 (process 7), was heard of 50 s ago."
    )


def test_a_handler_that_no_process_of_the_queue_knows_is_told() -> None:
    """Unless a process has more handlers than it tells."""
    (reason,) = why_not_running(job(), stats(), [sign(handlers=["other"])], NOW)
    assert (reason.word, reason.stuck) == ("handler_unknown", True)
    many = [f"handler-{number}" for number in range(MAX_HANDLERS)]
    assert words(why_not_running(job(), stats(), [sign(handlers=many)], NOW)) == ["next"]
    assert words(why_not_running(job(), stats(), [sign(handlers=["other"]), sign("b")], NOW)) == ["next"]


def test_busy_slots_and_other_jobs_go_first() -> None:
    """Slots are those of the live processes of this queue alone."""
    signs = [sign(busy=10), sign("b", slots=5, busy=5), sign("c", queues=["reports"]), sign("d", ago=60_000)]
    busy, others = why_not_running(job(), stats(8), signs, NOW)
    assert busy.text == "All slots of the processes that work on its queue are busy: 15 of 15."
    assert others.text.startswith("7 other jobs wait in its queue, the oldest for 1 min: ")


def test_a_job_that_came_just_now_has_not_been_looked_for() -> None:
    """After a moment, it is the next one, and that is strange."""
    fresh = job(created_at=NOW - 100, updated_at=NOW - 100)
    assert words(why_not_running(fresh, stats(), [sign()], NOW)) == ["just_submitted"]
    assert words(why_not_running(job(), stats(), [sign()], NOW)) == ["next"]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 ms"),
        (0.4, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (60_000, "1 min"),
        (3_600_000, "1 h"),
        (3_601_000, "1 h"),
        (200_000, "3 min 20 s"),
        (93_784_000, "1 d 2 h"),
        (10**15, "11574074 d 1 h"),
    ],
)
def test_durations_have_their_two_largest_units(milliseconds: float, text: str) -> None:
    """A smaller unit is left out where a larger one beside it is nothing."""
    assert in_words(milliseconds) == text
