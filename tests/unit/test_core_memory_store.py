"""The binding's memory store: calls and call-backs cross, and nothing is lost or kept on the way."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncendpoints import _core
from asyncendpoints._core import Claim, MemoryStore, NewJob, Settlement, new_job_id

NOW = 1_767_225_600_000
MALFORMED = ("", "job-1", "é" * 18, "0" * 36)


class Told:
    """What a store called back."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], list[str], list[tuple[str, str, int]]]] = []

    def __call__(self, queues: list[str], jobs: list[str], cancels: list[tuple[str, str, int]]) -> None:
        """Remember a call."""
        self.calls.append((queues, jobs, cancels))

    def take(self) -> list[tuple[list[str], list[str], list[tuple[str, str, int]]]]:
        """Return what was told since the last time."""
        calls, self.calls = self.calls, []
        return calls


def put(store: MemoryStore, **members: Any) -> str:
    """Store a job and return its id."""
    (answer,) = store.enqueue([NewJob(**{"job_id": new_job_id(), "handler": "h", **members})], now=NOW)
    assert answer.job is not None
    return answer.job.job_id


def take(store: MemoryStore, *, now: int = NOW, limit: int = 100) -> list[Claim]:
    """Claim as the worker `w` and return the runs begun."""
    return store.claim(
        worker="w", claim_id=new_job_id(), queues=["default"], limit=limit, lease_ms=1000, now=now
    ).claims


def test_a_job_goes_through_its_life() -> None:
    """A job is stored, claimed, renewed and settled, and every answer is in the words of the stub."""
    store = MemoryStore()
    job_id = put(store, payload=b"in", request=b"req", priority=3, owner="o", queue="default")
    (claim,) = take(store)
    assert (claim.job_id, claim.fence, claim.payload, claim.request) == (job_id, 1, b"in", b"req")
    assert (claim.attempt, claim.priority, claim.owner, claim.ready_at) == (1, 3, "o", NOW)
    assert store.renew([(job_id, 1), (job_id, 2), ("?", 1)], lease_ms=5, now=NOW) == [
        "renewed",
        "stale",
        "stale",
    ]
    assert store.progress(job_id, 1, b"half", now=NOW)
    assert not store.progress(job_id, 7, b"half", now=NOW)
    assert store.reserve(job_id, 1, "mail", "n", now=NOW).word == "reserved"
    assert store.record(job_id, 1, "mail", "n", b"sent", now=NOW)
    again = store.reserve(job_id, 1, "mail", "other", now=NOW)
    assert (again.word, again.value) == ("recorded", b"sent")
    end = Settlement.of(claim, "returned", result=b"out", result_meta=b"meta")
    assert store.settle([end, end], now=NOW) == ["completed", "stale"]
    job = store.get(job_id)
    assert job is not None
    assert (job.state, job.done, job.result, job.result_meta, job.progress) == (
        "completed",
        True,
        b"out",
        b"meta",
        b"half",
    )
    assert [(run.number, run.outcome, run.worker) for run in job.runs] == [(1, "completed", "w")]
    assert store.counts()["default"]["completed"] == 1
    assert store.delete(job_id)
    assert store.get(job_id) is None


def test_a_listing_and_the_numbers_show_every_queue() -> None:
    """Listings take their filters, and counts and ages come for each queue."""
    store = MemoryStore()
    ids = [put(store, queue=queue, owner=queue) for queue in ("a", "b", "a")]
    put(store, queue="a", delay_ms=5)
    page = store.list(queue="a", state="queued")
    assert sorted(job.job_id for job in page.jobs) == sorted([ids[0], ids[2]])
    assert [job.job_id for job in store.list(owner="b").jobs] == [ids[1]]
    assert store.counts()["a"] == {**dict.fromkeys(store.counts()["a"], 0), "queued": 2, "scheduled": 1}
    assert store.oldest_ready(now=NOW) == {"a": NOW, "b": NOW}
    assert store.next_due() == NOW + 5
    store.pause("b", True)
    assert store.paused() == ["b"]
    store.pause("b", False)
    assert store.paused() == []


def test_without_a_now_the_systems_clock_counts() -> None:
    """An operation without `now` happens at the system's time."""
    store = MemoryStore()
    before = time.time_ns() // 1_000_000
    (answer,) = store.enqueue([NewJob(job_id=new_job_id(), handler="h")])
    assert answer.job is not None
    assert before <= answer.job.created_at <= time.time_ns() // 1_000_000


@pytest.mark.parametrize("job_id", MALFORMED)
def test_an_id_that_no_job_can_have_is_simply_not_there(job_id: str) -> None:
    """A malformed id is answered like that of a job that is gone, not with an error."""
    store = MemoryStore()
    assert store.get(job_id) is None
    assert store.cancel(job_id).word == "missing"
    assert store.run_now(job_id) is None
    assert store.delete(job_id) is False
    assert store.progress(job_id, 1, b"") is False
    assert store.reserve(job_id, 1, "k", "n").word == "stale"
    assert store.record(job_id, 1, "k", "n", None) is False
    assert store.renew([(job_id, 1)], lease_ms=1) == ["stale"]
    store.watch(job_id)
    store.unwatch(job_id)


def test_the_call_back_tells_what_concerns_whom() -> None:
    """Queues that were found empty, watched jobs and canceled runs are called back, each once."""
    told = Told()
    store = MemoryStore(told)
    assert take(store) == []
    job_id = put(store)
    assert told.take() == [(["default"], [], [])]
    put(store)
    assert told.take() == []
    store.watch(job_id)
    claim = next(claim for claim in take(store) if claim.job_id == job_id)
    ((_, changed, _),) = told.take()
    assert changed == [job_id]
    assert store.cancel(job_id, now=NOW).word == "requested"
    ((queues, changed, cancels),) = told.take()
    assert (queues, changed, cancels) == ([], [job_id], [("w", job_id, claim.fence)])
    store.unwatch(job_id)
    store.settle([Settlement.of(claim, "stopped")], now=NOW)
    assert all(not changed for _, changed, _ in told.take())


def test_the_call_back_may_use_the_store() -> None:
    """No lock is held during the call-back: it may call the store again."""
    seen: list[int] = []

    def look(queues: list[str], jobs: list[str], cancels: list[tuple[str, str, int]]) -> None:
        seen.append(len(take(store)))

    store = MemoryStore(look)
    take(store)
    put(store)
    assert seen == [1]


def test_what_the_call_back_raises_comes_out_of_an_operation_that_was_done() -> None:
    """An exception of the call-back propagates, and the operation has been applied."""

    def fail(*_: object) -> None:
        raise LookupError("no such listener")

    store = MemoryStore(fail)
    take(store)
    with pytest.raises(LookupError, match="no such listener"):
        put(store)
    assert len(take(store)) == 1


def test_a_refused_call_changes_nothing() -> None:
    """A batch with one wrong member is refused whole, with the member's name where it has one."""
    store = MemoryStore()
    good = NewJob(job_id=new_job_id(), handler="h")
    wrong: list[Any] = [None, "text", 5, [good, None], [good, "x"]]
    for jobs in wrong:
        with pytest.raises(TypeError):
            store.enqueue(jobs)
    for arguments in ({"max_queued": -1}, {"now": -1}, {"now": 2**63}):
        with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must be "):
            store.enqueue([good], **arguments)
    assert store.list().jobs == []
    for limit in (-1, 2**70):
        with pytest.raises(ValueError, match=r"^limit must be "):
            store.expired(limit=limit)
    with pytest.raises(TypeError):
        store.claim(worker="w", claim_id="c", queues="default", limit=1, lease_ms=1)
    with pytest.raises(ValueError, match=r"^lease_ms must be "):
        store.renew([], lease_ms=-1)
    with pytest.raises(ValueError, match=r"^fence must be "):
        store.progress(good.job_id, -1, b"")
    with pytest.raises(TypeError):
        store.progress(good.job_id, 1, bytearray(b""))  # type: ignore[arg-type]


def test_any_sequence_may_carry_a_batch() -> None:
    """Batches come as lists, tuples or any other sequence."""
    store = MemoryStore()
    jobs = [NewJob(job_id=new_job_id(), handler="h") for _ in range(3)]
    assert [each.word for each in store.enqueue(tuple(jobs))] == ["created"] * 3
    found = store.claim(worker="w", claim_id="c", queues=("default",), limit=3, lease_ms=1).claims
    assert store.renew(tuple((claim.job_id, claim.fence) for claim in found), lease_ms=1) == ["renewed"] * 3
    assert store.settle(tuple(Settlement.of(claim, "returned") for claim in found)) == ["completed"] * 3


def test_reset_forgets_everything() -> None:
    """After a reset no job, pause or watcher is left, and the store works."""
    told = Told()
    store = MemoryStore(told)
    job_id = put(store)
    store.watch(job_id)
    store.pause("default", True)
    store.reset()
    assert (store.get(job_id), store.counts(), store.paused(), store.next_due()) == (None, {}, [], None)
    put(store)
    assert len(take(store)) == 1


def test_a_store_and_its_call_back_are_collected_together() -> None:
    """A store whose call-back refers to it is freed by the garbage collector."""

    class Owner:
        def __init__(self) -> None:
            self.store = MemoryStore(self.tell)

        def tell(self, *_: object) -> None:
            """Listen."""

    owner = Owner()
    put(owner.store)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_threads_share_a_store() -> None:
    """Threads that enqueue, claim and settle at once lose no job and run none twice."""
    store = MemoryStore()
    done: list[str] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for _ in range(50):
            put(store, handler=f"h{number}")
            for claim in take(store, limit=3):
                assert store.settle([Settlement.of(claim, "returned")], now=NOW) == ["completed"]
                done.append(claim.job_id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done += [claim.job_id for claim in take(store)]
    assert len(done) == len(set(done)) == 400


EXTREME = st.sampled_from([0, 1, 2**31, 2**42, 253_402_300_799_999])
CALLS = st.lists(
    st.tuples(st.sampled_from(["put", "take", "renew", "end", "expired", "strip", "prune", "cancel"]), EXTREME),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(calls=CALLS, lease=EXTREME, retention=st.sampled_from([0, 315_360_000_000]), delay=st.integers(0, 3))
def test_no_number_makes_the_core_panic(calls: list[tuple[str, int]], lease: int, retention: int, delay: int) -> None:
    """The largest times and durations, in any order, are computed with and never crash the store."""
    store = MemoryStore()
    claims: list[Claim] = []
    for call, now in calls:
        match call:
            case "put":
                new = NewJob(
                    job_id=new_job_id(),
                    handler="h",
                    delay_ms=delay and 315_360_000_000,
                    retention_completed_ms=retention,
                )
                store.enqueue([new], now=now)
            case "take":
                claims = store.claim(
                    worker="w", claim_id="c", queues=["default"], limit=2**64 - 1, lease_ms=lease, now=now
                ).claims
            case "renew":
                store.renew([(claim.job_id, claim.fence) for claim in claims], lease_ms=1, now=now)
            case "end":
                store.settle([Settlement.of(claim, "raised", nonce=now) for claim in claims], now=now)
            case "cancel":
                for claim in claims:
                    store.cancel(claim.job_id, now=now)
            case _:
                getattr(store, call)(limit=2**64 - 1, now=now)
        store.next_due()
        store.counts()
    for job in store.list(limit=2**64 - 1).jobs:
        assert job.version >= 1


def test_the_module_says_its_version() -> None:
    """The core's version is the package's."""
    assert _core.__version__.count(".") == 2
