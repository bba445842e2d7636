"""The binding translates: what goes in comes out, and what cannot be is refused by name."""

from __future__ import annotations

import ast
import gc
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

import asyncendpoints
from asyncendpoints import _core
from asyncendpoints._core import (
    Backoff,
    Cancellation,
    Claim,
    Claims,
    Enqueued,
    Job,
    NewJob,
    Page,
    Reservation,
    Run,
    Settlement,
    Verdict,
)
from tests.support.core_samples import CLAIM, EVENTS, ID, JOB, NEW_JOB, OUTCOMES, RUN, STATES, VALUES


@pytest.mark.parametrize(("kind", "members"), VALUES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_member_comes_out_as_it_went_in(kind: type[Any], members: dict[str, Any]) -> None:
    """Every member comes out as it went in, with its type."""
    value = kind(**members)
    for name, member in members.items():
        found = getattr(value, name)
        assert (found, type(found)) == (member, type(member)), name


@pytest.mark.parametrize(("kind", "members"), VALUES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_value_cannot_be_changed(kind: type[Any], members: dict[str, Any]) -> None:
    """No member of a value can be set, and nothing can be added to it."""
    value = kind(**members)
    for name in (*members, "something_else"):
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_what_may_be_absent_is_none() -> None:
    """Members that were not given are None or their default."""
    job = Job(job_id=ID, handler="h", queue="q", state="queued", version=1, created_at=1, updated_at=1)
    given = {"job_id", "handler", "queue", "state", "version", "created_at", "updated_at"}
    defaults = {
        "priority": 0,
        "attempt": 0,
        "max_attempts": 3,
        "timeout_ms": 3_600_000,
        "retention_completed_ms": 86_400_000,
        "retention_failed_ms": 604_800_000,
        "fence": 0,
        "stripped": False,
    }
    for name in JOB.keys() - given:
        assert getattr(job, name) == defaults.get(name), name
    assert job.runs == []
    new = NewJob(job_id=ID, handler="h")
    assert (new.queue, new.priority, new.delay_ms, new.max_attempts) == ("default", 0, 0, 3)
    assert (new.scope, new.key, new.fingerprint, new.payload, new.origin) == (None,) * 5


def test_a_job_carries_its_runs_in_order() -> None:
    """A job gives its runs in the order in which it got them."""
    job = Job(**JOB, runs=[Run(number=n, started_at=n, worker=f"w{n}") for n in (1, 2, 3)])
    assert [(run.number, run.worker, run.outcome) for run in job.runs] == [
        (1, "w1", None),
        (2, "w2", None),
        (3, "w3", None),
    ]


def test_words_are_the_same_objects_every_time() -> None:
    """States and outcomes are interned: reading one makes no new string."""
    for state in STATES:
        jobs = [Job(**{**JOB, "state": state}) for _ in range(2)]
        assert jobs[0].state == state
        assert jobs[0].state is jobs[1].state
        assert jobs[0].done is (state in ("completed", "failed", "canceled"))
    for outcome in OUTCOMES:
        assert Run(**{**RUN, "outcome": outcome}).outcome == outcome


def test_answers_hold_what_they_were_made_of() -> None:
    """A store in Python can make every answer."""
    job, claim = Job(**JOB), Claim(**CLAIM)
    assert (Enqueued("created", job).word, Enqueued("created", job).job) == ("created", job)
    assert Enqueued("queue_full", None).job is None
    claims = Claims([claim], 7)
    assert (claims.claims, claims.next_due_ms) == ([claim], 7)
    assert (Claims((), None).claims, Claims((), None).next_due_ms) == ([], None)
    assert Cancellation("refused", job).job is job
    assert (Reservation("recorded", b"v").value, Reservation("stale").value) == (b"v", None)
    page = Page((job,), "next")
    assert (page.jobs, page.cursor) == ([job], "next")


@pytest.mark.parametrize("answer", [Enqueued, Cancellation])
def test_an_answer_in_unknown_words_is_refused(answer: type[Any]) -> None:
    """An answer whose word no store may give is refused, with the words that it may."""
    with pytest.raises(ValueError, match=r"word must be one of .*, not .perhaps."):
        answer("perhaps", None)
    with pytest.raises(ValueError, match="word must be one of"):
        Reservation("created")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job_id", ID.upper()),
        ("job_id", str(uuid.uuid4())),
        ("job_id", ""),
        ("handler", ""),
        ("handler", "x" * 256),
        ("handler", "a\0b"),
        ("queue", ""),
        ("queue", "q" * 65),
        ("queue", "räports"),
        ("queue", "a b"),
        ("queue", "a\n"),
        ("priority", -101),
        ("priority", 101),
        ("priority", 10**30),
        ("delay_ms", -1),
        ("delay_ms", 2**64),
        ("delay_ms", -(10**40)),
        ("max_attempts", 0),
        ("max_attempts", 101),
        ("timeout_ms", 0),
        ("timeout_ms", 2**63),
        ("retention_completed_ms", -1),
        ("retention_failed_ms", 315_360_000_001),
        ("scope", "x" * 513),
        ("key", ""),
        ("key", "x" * 256),
        ("fingerprint", b"x" * 31),
        ("owner", ""),
        ("owner", "x" * 256),
        ("owner", "\0"),
        ("redrive_of", "no"),
        ("origin", ID + "0"),
    ],
)
def test_a_new_job_out_of_bounds_is_refused_by_name(field: str, value: object) -> None:
    """A member of a new job that is out of its bounds is a ValueError that begins with its name."""
    with pytest.raises(ValueError, match=f"^{field} must be "):
        NewJob(**{**NEW_JOB, field: value})


@pytest.mark.parametrize("missing", ["scope", "key", "fingerprint"])
def test_idempotency_is_whole_or_absent(missing: str) -> None:
    """Scope, key and fingerprint come together or not at all."""
    with pytest.raises(ValueError, match=r"^scope, key and fingerprint must be given together"):
        NewJob(**{**NEW_JOB, missing: None})
    with pytest.raises(ValueError, match=r"^scope, request_id and fingerprint must be given together"):
        Job(**{**JOB, missing.replace("key", "request_id"): None})


@pytest.mark.parametrize(("kind", "members"), VALUES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_member_of_the_wrong_type_is_refused(kind: type[Any], members: dict[str, Any]) -> None:
    """A member of another type is a TypeError, and so is one that does not exist or is missing."""
    for name in members:
        if name not in ("charged", "stripped", "only_expired", "cancel_requested"):
            with pytest.raises(TypeError):
                kind(**{**members, name: 1.5})
    with pytest.raises(TypeError):
        kind(**members, surplus=1)
    with pytest.raises(TypeError):
        kind()


def test_words_that_are_none_are_refused() -> None:
    """An unknown state, outcome or event is refused with the list of the known ones."""
    with pytest.raises(ValueError, match="state must be one of scheduled, queued"):
        Job(**{**JOB, "state": "running"})
    with pytest.raises(ValueError, match="outcome must be one of completed, error"):
        Run(**{**RUN, "outcome": "failed"})
    with pytest.raises(ValueError, match="event must be one of returned, raised"):
        _core.decide("exploded", attempt=1, max_attempts=1)  # type: ignore[arg-type]


def test_a_verdict_that_contradicts_itself_is_refused() -> None:
    """A verdict that no decision could have come to is refused."""
    for members in (
        {"to_state": "in_progress", "outcome": "error"},
        {"to_state": "failed", "outcome": "error", "delay_ms": 5},
        {"to_state": "queued", "outcome": "released", "charged": True},
        {"to_state": "failed", "outcome": "completed"},
    ):
        with pytest.raises(ValueError, match=r"."):
            Verdict(**members)  # type: ignore[arg-type]


def test_verdicts_compare_by_value() -> None:
    """Two verdicts are equal when all their members are."""
    one = Verdict(to_state="scheduled", outcome="error", delay_ms=5)
    assert one == Verdict(to_state="scheduled", outcome="error", delay_ms=5)
    assert one != Verdict(to_state="scheduled", outcome="error", delay_ms=6)
    assert one != "scheduled"


def test_decide_gives_the_verdicts_of_the_core() -> None:
    """Each event of a run gets its verdict; a seed reproduces the delay."""
    backoff = Backoff.exponential(1000, 2.0, 300_000, jitter=True)
    one = _core.decide("raised", attempt=2, max_attempts=3, backoff=backoff, seed=7)
    assert one == _core.decide("raised", attempt=2, max_attempts=3, backoff=backoff, seed=7)
    assert (one.to_state, one.outcome, one.delay_ms <= 2000) == ("scheduled", "error", True)
    found = {event: _core.decide(event, attempt=3, max_attempts=3) for event in EVENTS}
    assert {event: verdict.to_state for event, verdict in found.items()} == {
        "returned": "completed",
        "raised": "failed",
        "raised_final": "failed",
        "timed_out": "failed",
        "lost": "failed",
        "released": "queued",
        "stopped": "failed",
    }
    assert _core.decide("raised", attempt=1, max_attempts=3, cancel_requested=True).to_state == "canceled"


def test_a_settlement_of_a_claim_holds_both_verdicts() -> None:
    """`Settlement.of` decides as if no cancel had arrived, and as if one had."""
    claim = Claim(**CLAIM)
    end = Settlement.of(claim, "raised", backoff=Backoff.fixed(5), seed=1, nonce=2, error=b"e")
    assert (end.job_id, end.fence, end.nonce, end.error, end.result) == (ID, 2**40, 2, b"e", None)
    assert end.verdict == Verdict(to_state="scheduled", outcome="error", delay_ms=5)
    assert end.verdict_if_canceled == Verdict(to_state="canceled", outcome="canceled")
    assert end.only_expired is False


def test_backoffs_compute_their_delays() -> None:
    """Fixed, exponential and listed delays are those of the policy; impossible ones are refused."""
    assert [Backoff.fixed(5).delay_ms(n, 0) for n in (1, 9)] == [5, 5]
    assert [Backoff.exponential(10, 3.0, 100, False).delay_ms(n, 0) for n in (1, 2, 3, 4)] == [
        10,
        30,
        90,
        100,
    ]
    assert [Backoff.delays([1, 2]).delay_ms(n, 0) for n in (1, 2, 3)] == [1, 2, 2]
    for factor in (float("nan"), float("inf"), -1.0):
        with pytest.raises(ValueError, match=r"^factor must be "):
            Backoff.exponential(1, factor, 2, jitter=False)
    with pytest.raises(ValueError, match=r"^delays_ms must be "):
        Backoff.delays([1, -1])


def test_cancel_transitions_are_the_rows_of_the_table() -> None:
    """The row for a cancel is there for each state that may be canceled, and None elsewhere."""
    assert {state: _core.cancel_transition(state) for state in STATES} == {
        "scheduled": "canceled",
        "queued": "canceled",
        "in_progress": "in_progress",
        "completed": None,
        "failed": None,
        "canceled": None,
    }


def test_new_ids_are_uuids_of_version_7_that_differ() -> None:
    """A new id is a canonical UUIDv7 of its time, and no two are alike."""
    before = time.time_ns() // 1_000_000
    ids = {_core.new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    for text in ids:
        assert _core.is_job_id(text)
        assert (uuid.UUID(text).version, str(uuid.UUID(text))) == (7, text)
        assert before <= uuid.UUID(text).int >> 80 <= time.time_ns() // 1_000_000
    assert uuid.UUID(_core.new_job_id(now=1_700_000_000_000)).int >> 80 == 1_700_000_000_000
    assert not any(map(_core.is_job_id, ("", ID.upper(), f"{{{ID}}}", ID.replace("-", ""), "é" * 18)))


def test_a_repr_shows_identity_and_never_a_payload() -> None:
    """What a value says of itself fits one line, names its job, and shows nothing of its bodies."""
    shown = [repr(kind(**members)) for kind, members in VALUES]
    job = Job(**JOB)
    shown += [repr(Enqueued("created", job)), repr(Cancellation("already", job))]
    for text in shown:
        assert "secret" not in text
        assert "\n" not in text
    assert all(ID in text for text in shown if not text.startswith(("Run", "Verdict")))
    assert repr(job) == f"Job(job_id='{ID}', handler=\"h\", state='in_progress', version={2**63})"
    assert "\n" not in repr(NewJob(job_id=ID, handler="a\nb"))
    assert "v" not in repr(Reservation("recorded", b"v")).removeprefix("Reservation")


def test_values_do_not_leak() -> None:
    """Making and reading every value over and over leaves no object behind."""

    def use() -> None:
        for kind, members in VALUES:
            value = kind(**members)
            for name in members:
                getattr(value, name)
        Page([Job(**JOB)], None).jobs  # noqa: B018 (reading makes objects)

    for _ in range(10):
        use()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(1000):
        use()
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_the_classes_are_those_of_the_stub() -> None:
    """Every public name of the stub exists, and the stub names every public name."""
    stub = Path(asyncendpoints.__path__[0]) / "_core.pyi"
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    declared: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            if node.name.startswith("_"):  # what an argument must have, which is no class of the core
                continue
            declared[node.name] = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            declared[node.name] = set()
    public = {name for name in dir(_core) if not name.startswith("_")}
    assert public == declared.keys()
    for name, members in declared.items():
        found = {each for each in vars(getattr(_core, name)) if not each.startswith("_")} if members else set()
        assert found == {each for each in members if not each.startswith("_")}, name
