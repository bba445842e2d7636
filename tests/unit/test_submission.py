"""A draft becomes a job, and an honest retry is told from another submission."""

from __future__ import annotations

from itertools import combinations

import pytest

from asyncendpoints import (
    AsyncEndpoints,
    ConfigurationError,
    Draft,
    HandlerUnknown,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    JobContext,
    NotStarted,
    PayloadTooLarge,
    QueueFull,
    StoreUnavailable,
    ValidationFailed,
)
from asyncendpoints._core import fingerprint_of
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.submission import scope_of
from asyncendpoints.testing import FaultyStore
from tests.support.running import running


def producer(**settings: object) -> AsyncEndpoints:
    """Return an application that only submits."""
    jobs = AsyncEndpoints("memory://", worker=False, **settings)  # type: ignore[arg-type]

    @jobs.handler("add", queue="sums", priority=7, max_body_bytes=64)
    async def add(job: JobContext[list[int]]) -> int:
        return sum(job.payload)

    @jobs.handler("other")
    async def other() -> None: ...

    return jobs


async def test_a_submission_stores_what_the_policy_says() -> None:
    """Queue and priority are the policy's unless the submission has its own."""
    jobs = producer()
    plain = (await jobs.submit("add", [1, 2])).job
    assert (plain.handler, plain.queue, plain.priority, plain.payload) == ("add", "sums", 7, b"[1,2]")
    assert (plain.state, plain.request_id, plain.owner, plain.attempt) == ("queued", None, None, 0)
    special = (await jobs.submit("add", [1], queue="slow", priority=-3, delay=60.0, owner="ann")).job
    assert (special.queue, special.priority, special.owner, special.state) == ("slow", -3, "ann", "scheduled")
    assert special.due_at == special.created_at + 60_000


async def test_the_same_key_and_payload_are_the_same_job() -> None:
    """IDM-1: A repeated submission finds the earlier job."""
    jobs = producer()
    first = await jobs.submit("add", [1], idempotency_key="k")
    again = await jobs.submit("add", [1], idempotency_key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.job.job_id == first.job.job_id
    assert again.job.request_id == "k"


async def test_the_same_key_for_something_else_is_refused() -> None:
    """IDM-2: A key that was used for another payload, path or query is reused."""
    jobs = producer()
    await jobs.submit("add", [1], idempotency_key="k")
    for attempt in ({"payload": [2]}, {"payload": [1], "query": {"a": 1}}, {"payload": [1], "path_params": {"a": 1}}):
        with pytest.raises(IdempotencyKeyReused, match="'k'"):
            await jobs.submit("add", **attempt, idempotency_key="k")  # type: ignore[arg-type]


async def test_a_key_counts_for_one_handler_and_one_owner() -> None:
    """Another handler's or owner's key is another key."""
    jobs = producer()
    submissions = [
        await jobs.submit(name, payload, idempotency_key="k", owner=owner)
        for name, payload in (("add", [1]), ("other", None))
        for owner in (None, "ann", "bob")
    ]
    assert len({submission.job.job_id for submission in submissions}) == 6


def test_scopes_of_different_handlers_and_owners_differ() -> None:
    """No owner's name can imitate another handler's scope."""
    pairs = [("a", None), ("a", ""), ("a", "b"), ("a", "b\nc"), ("a b", None), ("ab", None)]
    assert len({scope_of(*pair) for pair in pairs}) == len(pairs)


def test_fingerprints_of_different_requests_differ() -> None:
    """Each part counts, and none can borrow from its neighbour."""
    requests = [
        (b"POST", b"/a", b"b=1", b"c"),
        (b"PUT", b"/a", b"b=1", b"c"),
        (b"POST", b"/ab", b"=1", b"c"),
        (b"POST", b"/a", b"b=1c", b""),
        (b"POST", b"/a", b"b=", b"1c"),
        (b"POST", b"/a\xff", b"", b""),
        (b"POST", b"/a", b""),
    ]
    assert all(len(fingerprint_of(*request)) == 32 for request in requests)
    assert all(fingerprint_of(*one) != fingerprint_of(*other) for one, other in combinations(requests, 2))
    assert fingerprint_of(*requests[0]) == fingerprint_of(*requests[0])


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "é", "a\n", "\x7f"])
async def test_a_malformed_key_is_refused(key: str) -> None:
    """A key is 1 to 255 visible ASCII characters."""
    with pytest.raises(IdempotencyKeyInvalid):
        await producer().submit("add", [1], idempotency_key=key)


async def test_refused_submissions_store_nothing() -> None:
    """SUB-2: Whatever a submission is refused for, no job comes of it and no key is used up."""
    jobs = producer()
    for error, arguments in (
        (ValidationFailed, {"payload": ["x"]}),
        (ValidationFailed, {"payload": None}),
        (PayloadTooLarge, {"payload": [1] * 100}),
        (ConfigurationError, {"payload": [1], "queue": "a b"}),
        (ConfigurationError, {"payload": [1], "priority": 101}),
        (ConfigurationError, {"payload": [1], "delay": -1}),
        (ConfigurationError, {"payload": [1], "owner": ""}),
    ):
        with pytest.raises(error):
            await jobs.submit("add", **arguments, idempotency_key="k")  # type: ignore[arg-type]
    with pytest.raises(HandlerUnknown):
        await jobs.submit("nobody")
    assert (await jobs.engine.store.stats()).counts == {}
    assert not (await jobs.submit("add", [1], idempotency_key="k")).replayed


async def test_a_full_queue_refuses_new_jobs_but_not_replays() -> None:
    """`max_queued` is checked after replays."""
    jobs = producer(max_queued=1)
    first = await jobs.submit("add", [1], idempotency_key="k")
    with pytest.raises(QueueFull, match="'sums'"):
        await jobs.submit("add", [2])
    assert (await jobs.submit("add", [1], idempotency_key="k")).job.job_id == first.job.job_id


async def test_nothing_is_accepted_that_would_never_run() -> None:
    """Where the process's own worker was to run jobs and was never started, submissions say how to start it."""
    jobs = AsyncEndpoints("memory://")
    jobs.handler("noop")(lambda: None)
    with pytest.raises(NotStarted, match=r"jobs\.install\(app\)"):
        await jobs.submit("noop")
    async with jobs:
        await jobs.submit("noop")
    with pytest.raises(NotStarted):
        await jobs.submit("noop")
    await jobs.start(worker=False)
    await jobs.submit("noop")
    await jobs.stop()


async def test_a_lost_reply_is_repaired_by_the_key() -> None:
    """SUB-3: After a reply was lost, the same submission with its key finds the job that was stored."""
    store = FaultyStore(MemoryStore())
    async with running(store) as jobs:
        jobs.handler("noop")(lambda: None)
        store.fail_after("enqueue")
        with pytest.raises(StoreUnavailable):
            await jobs.submit("noop", idempotency_key="k")
        assert (await jobs.submit("noop", idempotency_key="k")).replayed


async def test_a_draft_can_be_changed_until_it_is_submitted() -> None:
    """What a hook does to the draft is what is stored."""
    jobs = producer()
    draft = Draft.of(jobs.registry.get("add"), payload=b"[1]")
    assert (draft.queue, draft.priority) == ("sums", 7)
    draft.queue, draft.priority, draft.delay, draft.payload = "slow", 1, 5.0, b"[2]"
    job = (await jobs.engine.submit(draft)).job
    assert (job.queue, job.priority, job.payload, job.state) == ("slow", 1, b"[2]", "scheduled")
