"""What a store does with a submission: SUB-1, SUB-2 and SUB-3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints._core import new_job_id
from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject

HOSTILE_TEXTS = (
    'it\'s "quoted" `twice`',
    "100% _ \\ %s {0} $1 ?",
    "'; DROP TABLE jobs; --",
    "\U0001d56c 😀 é e\u0301 \u202e",
    "null \x00 byte",
    "line\r\nbreak\ttab",
    "KEYS[1] \x1b[31m ]] \x7f",
    " leading and trailing ",
    "trailing spaces   ",
    "\u200fright\u2066to\u2069left\u200e",
    "\ufeff\u2028\uffff\U0010ffff",
    "\n",
    "NULL",
    "😀" * 255,
    "long " * 20_000,
)
"""Texts that a store must give back as they came, or refuse."""


@rule()
async def sub_1_a_created_job_is_held_as_it_was_handed_in(on: Subject) -> None:
    """SUB-1: What was answered as created is held, with every field as it was handed in."""
    origin = new_job_id(now=on.now)
    new = on.new_job(
        queue="reports",
        priority=7,
        max_attempts=5,
        timeout_ms=60_000,
        retention_completed_ms=1_000,
        retention_failed_ms=2_000,
        key="k-1",
        owner="ada",
        request=b"\x00request",
        payload=b'{"n": 1}',
        redrive_of=origin,
        origin=origin,
    )
    (answer,) = await on.enqueue(new)
    same("the answer", answer.word, "created")
    job = await on.get(new.job_id)
    kept = (
        "job_id",
        "handler",
        "queue",
        "priority",
        "max_attempts",
        "timeout_ms",
        "retention_completed_ms",
        "retention_failed_ms",
        "scope",
        "fingerprint",
        "owner",
        "request",
        "payload",
        "redrive_of",
        "origin",
    )
    for field in kept:
        same(f"the field {field}", getattr(job, field), getattr(new, field))
    same("the client's key", job.request_id, "k-1")
    same("state, attempt and fence", (job.state, job.attempt, job.fence), ("queued", 0, 0))
    same("its times", (job.created_at, job.updated_at, job.started_at), (on.now, on.now, None))
    same(
        "what has not happened",
        (job.finished_at, job.expires_at, job.result, job.error, job.runs),
        (None,) * 4 + ([],),
    )
    holds(
        "the job in the answer is the job in the store",
        answer.job is not None and answer.job.version == job.version,
    )


@rule()
async def sub_1_a_delayed_job_is_scheduled_for_the_time_that_was_asked_for(on: Subject) -> None:
    """SUB-1: A job with a delay is held as scheduled, for that long after the store's own time."""
    job = await on.submit(delay_ms=30_000)
    same("state", job.state, "scheduled")
    same("scheduled_at and due_at", (job.scheduled_at, job.due_at), (on.now + 30_000, on.now + 30_000))
    plain = await on.submit()
    same("scheduled_at of a job without a delay", (plain.scheduled_at, plain.due_at), (None, None))


@rule()
async def sub_1_a_batch_is_answered_in_its_order(on: Subject) -> None:
    """SUB-1: The jobs of one batch are all stored, and answered in the order of the batch."""
    batch = [on.new_job(handler=f"handler-{number}") for number in range(200)]
    answers = await on.enqueue(*batch)
    same(
        "answers",
        [answer.job.job_id if answer.job else None for answer in answers],
        [job.job_id for job in batch],
    )
    stats = await on.store.stats(now=on.now)
    same("jobs held", stats.counts["default"]["queued"], 200)
    same("an empty batch", await on.enqueue(), [])


@rule()
async def sub_1_hostile_texts_and_large_bodies_come_back_identical_or_are_refused(on: Subject) -> None:
    """SUB-1: Quotes, wildcards, NUL, four-byte characters and megabytes come back whole or are refused."""
    big = bytes(range(256)) * 4_096
    for text in HOSTILE_TEXTS:
        fields = {"handler": text, "owner": text, "scope": text, "key": text}
        for name, value in fields.items():
            whole = {name: value} if name != "scope" else {"scope": value, "key": "k" + text.encode().hex()}
            try:
                new = on.new_job(**whole, payload=text.encode(), request=big)
            except ValueError:
                continue
            (answer,) = await on.enqueue(new)
            same(f"the answer to {name} {text!r}", answer.word, "created")
            job = await on.get(new.job_id)
            same(f"the {name}", job.request_id if name == "key" else getattr(job, name), value)
            same("payload and request", (job.payload, job.request), (text.encode(), big))
    empty = await on.submit(payload=b"", request=b"")
    held = await on.get(empty.job_id)
    same("an empty body, which is not an absent one", (held.payload, held.request), (b"", b""))


@rule()
async def sub_2_a_full_queue_stores_nothing_and_consumes_no_key(on: Subject) -> None:
    """SUB-2: A job refused for a full queue is not stored, and its key is still free."""
    await on.enqueue(on.new_job(), on.new_job(), max_queued=2)
    refused = on.new_job(key="k")
    (answer,) = await on.enqueue(refused, max_queued=2)
    same("the answer", (answer.word, answer.job), ("queue_full", None))
    same("the refused job", await on.store.get(refused.job_id), None)
    (other,) = await on.enqueue(on.new_job(queue="other"), max_queued=2)
    same("another queue, which has room", other.word, "created")
    await on.take()
    (again,) = await on.enqueue(on.new_job(key="k"), max_queued=2)
    same("the same key when there is room", again.word, "created")


@rule()
async def sub_2_max_queued_is_checked_after_replays_and_within_a_batch(on: Subject) -> None:
    """SUB-2: The bound refuses neither a replay nor a repeat, and counts the jobs of the same batch."""
    first, second, third = on.new_job(key="k"), on.new_job(), on.new_job()
    answers = await on.enqueue(first, second, third, max_queued=2)
    same("a batch over the bound", [answer.word for answer in answers], ["created", "created", "queue_full"])
    answers = await on.enqueue(on.new_job(key="k"), second, max_queued=2)
    same("a replay and a repeat at the bound", [answer.word for answer in answers], ["replayed", "created"])


@rule()
async def sub_2_max_queued_never_refuses_a_retry(on: Subject) -> None:
    """SUB-2: A retry or a release goes back to a full queue."""
    claim = await on.start(max_attempts=5)
    await on.enqueue(on.new_job(priority=-1), max_queued=1)
    same("a release", await on.settle(claim, "released"), "queued")
    claim = await on.take()
    same("a retry", await on.settle(claim, "raised"), "scheduled")
    on.advance(1_000)
    same("its next run", (await on.take()).job_id, claim.job_id)


@rule()
async def sub_3_a_repeated_enqueue_answers_as_the_first(on: Subject) -> None:
    """SUB-3: An enqueue repeated with the same job id answers `created` again and stores nothing more."""
    plain, keyed = on.new_job(), on.new_job(key="k")
    await on.enqueue(plain, keyed)
    for _ in range(2):
        answers = await on.enqueue(plain, keyed, max_queued=1)
        same("the answers", [answer.word for answer in answers], ["created", "created"])
        same("the jobs", [answer.job and answer.job.job_id for answer in answers], [plain.job_id, keyed.job_id])
    answers = await on.enqueue(again := on.new_job(), again)
    same("a repeat within a batch", [answer.word for answer in answers], ["created", "created"])
    same("jobs to run", len(await on.ids_claimed()), 3)
    (late,) = await on.enqueue(plain)
    same("a repeat while it runs", (late.word, late.job and late.job.state), ("created", "in_progress"))
    same("jobs to run after the repeat", await on.ids_claimed(), [])


@rule()
async def sub_3_a_repeated_settle_answers_as_the_first(on: Subject) -> None:
    """SUB-3: A settle repeated with its nonce answers the same; with another it is stale."""
    for event, state in (("returned", "completed"), ("raised_final", "failed"), ("raised", "scheduled")):
        claim = await on.start()
        same(event, await on.settle(claim, event, nonce=77, result=b"1", error=b"{}"), state)
        before = await on.picture(claim.job_id)
        on.advance(5)
        same(f"{event}, repeated", await on.settle(claim, event, nonce=77, result=b"2", error=b"[]"), state)
        same(f"{event} with another nonce", await on.settle(claim, event, nonce=78), "stale")
        same("the job", await on.picture(claim.job_id), before)


@rule()
async def sub_3_a_repeated_settle_of_an_earlier_run_changes_nothing(on: Subject) -> None:
    """SUB-3: A settle repeated after the next run has begun answers as the first, and harms no run."""
    claim = await on.start()
    same("the settle", await on.settle(claim, "raised", nonce=77), "scheduled")
    on.advance(1_000)
    await on.take()
    before = await on.picture(claim.job_id)
    same("its repetition", await on.settle(claim, "raised", nonce=77), "scheduled")
    same("the job", await on.picture(claim.job_id), before)


@rule()
async def sub_3_a_nonce_counts_for_its_own_run_alone(on: Subject) -> None:
    """SUB-3: Another run's settle is not taken for a repetition, although its nonce is the same."""
    first = await on.start()
    await on.settle(first, "raised", nonce=77)
    on.advance(1_000)
    second = await on.take()
    same("the second run", await on.settle(second, "returned", nonce=77), "completed")
    same("the first run, again", await on.settle(first, "raised", nonce=77), "stale")
    same("the second run, again", await on.settle(second, "returned", nonce=77), "completed")


@rule()
async def sub_3_a_claim_whose_answer_was_lost_is_released(on: Subject) -> None:
    """SUB-3: Releasing a claim gives back, uncharged, what it began and still runs, once."""
    ids = [(await on.submit()).job_id for _ in range(3)]
    lost = (await on.claim(limit=2, claim_id="lost")).claims
    kept = await on.take(claim_id="kept")
    await on.settle(lost[0])
    same("given back", await on.store.release_claim("lost", now=on.now), 1)
    job = await on.get(lost[1].job_id)
    same("the job", (job.state, job.attempt, job.fence, job.lease_until), ("queued", 0, 1, None))
    same("its run", [(run.number, run.outcome, run.finished_at) for run in job.runs], [(1, "released", on.now)])
    same("the settled one", (await on.get(lost[0].job_id)).state, "completed")
    same("another claim's", (await on.get(kept.job_id)).state, "in_progress")
    same("a repeat", await on.store.release_claim("lost", now=on.now), 0)
    same("a claim that never was", await on.store.release_claim("never", now=on.now), 0)
    again = await on.take()
    same("claimed again", (again.job_id, again.fence, again.attempt), (lost[1].job_id, 2, 1))
    same("a repeat when it runs for somebody else", await on.store.release_claim("lost", now=on.now), 0)
    holds("every job was one of those submitted", {lost[0].job_id, lost[1].job_id, kept.job_id} == set(ids))


@rule()
async def sub_3_releasing_a_claim_leaves_a_job_alone_that_took_a_deleted_ones_place(on: Subject) -> None:
    """SUB-3: A claim gives back only runs that it began: not those of a job stored after one of its own had gone."""
    first, second = await on.submit(), await on.submit()
    claims = (await on.claim(claim_id="old")).claims
    (gone,) = (claim for claim in claims if claim.job_id == first.job_id)
    await on.settle(gone)
    same("the first job's deletion", await on.store.delete(first.job_id), True)
    newer = await on.start()
    same("runs of the old claim given back", await on.store.release_claim("old", now=on.now), 1)
    same("the newer job", (await on.get(newer.job_id)).state, "in_progress")
    same("the second job", (await on.get(second.job_id)).state, "queued")
