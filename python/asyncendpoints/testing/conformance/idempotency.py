"""Idempotency keys: IDM-1, IDM-2 and IDM-3; IDM-4 stands with retention."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asyncendpoints.testing.conformance.rule import rule, same

if TYPE_CHECKING:
    from asyncendpoints.testing.conformance.subject import Subject


@rule()
async def idm_1_the_same_submission_is_the_same_job_in_every_state(on: Subject) -> None:
    """IDM-1: The same scope, key and fingerprint answer with the earlier job, in its present state."""
    first = await on.submit(key="k", delay_ms=1_000, max_attempts=1)

    async def replay(state: str) -> None:
        other = on.new_job(key="k")
        (answer,) = await on.enqueue(other)
        found = answer.job and (answer.job.job_id, answer.job.state)
        same("the replay", (answer.word, found), ("replayed", (first.job_id, state)))
        same("the job that was not made", await on.store.get(other.job_id), None)

    await replay("scheduled")
    await on.store.run_now(first.job_id, now=on.now)
    await replay("queued")
    claim = await on.take()
    await replay("in_progress")
    await on.settle(claim, "raised")
    await replay("failed")


@rule()
async def idm_1_a_batch_with_the_same_key_twice_makes_one_job(on: Subject) -> None:
    """IDM-1: Two submissions with one key in the same batch are one job."""
    one, two = await on.enqueue(on.new_job(key="k"), on.new_job(key="k"))
    same("the words", (one.word, two.word), ("created", "replayed"))
    same("the jobs", two.job and two.job.job_id, one.job and one.job.job_id)
    same("jobs to run", len(await on.ids_claimed()), 1)


@rule()
async def idm_1_keys_of_different_scopes_never_meet(on: Subject) -> None:
    """IDM-1: A key counts within its scope, and scope and key are never run together."""
    pairs = [
        ("ab", "c"),
        ("a", "bc"),
        ("a", "b"),
        ("A", "b"),
        ("a", "B"),
        ("a", "b "),
        ("a:b", "c"),
        ("a", "b:c"),
        ("a", "%"),
        ("a", "_"),
        ("a", "é"),
        ("a", "e\u0301"),
        ("ä", "b"),
        ("a", "b\t"),
    ]
    for scope, key in pairs:
        try:
            new = on.new_job(scope=scope, key=key)
        except ValueError:
            continue
        (answer,) = await on.enqueue(new)
        same(f"scope {scope!r} with key {key!r}", answer.word, "created")


@rule()
async def idm_2_another_fingerprint_is_refused_and_stores_nothing(on: Subject) -> None:
    """IDM-2: The same key with another fingerprint is refused, whatever has become of the first job."""
    first = await on.submit(key="k")
    for _ in range(2):
        before = await on.picture(first.job_id)
        other = on.new_job(key="k", fingerprint=b"g" * 32)
        (answer,) = await on.enqueue(other)
        same("the answer", (answer.word, answer.job), ("key_reused", None))
        same("the refused job", await on.store.get(other.job_id), None)
        same("the first job", await on.picture(first.job_id), before)
        if before and before["state"] == "queued":
            await on.settle(await on.take())
    same("jobs to run", await on.ids_claimed(), [])


@rule()
async def idm_2_one_byte_of_the_fingerprint_is_enough(on: Subject) -> None:
    """IDM-2: Fingerprints are compared whole."""
    await on.submit(key="k", fingerprint=b"\x00" * 32)
    for position in (0, 15, 31):
        near = bytearray(32)
        near[position] = 1
        (answer,) = await on.enqueue(on.new_job(key="k", fingerprint=bytes(near)))
        same(f"byte {position} differs", answer.word, "key_reused")


@rule()
async def idm_3_simultaneous_submissions_of_one_key_make_one_job(on: Subject) -> None:
    """IDM-3: Key and job are one atomic write: of many at once one creates and all the others replay it."""
    answers = await asyncio.gather(*(on.enqueue(on.new_job(key="k")) for _ in range(100)))
    words = sorted(answer.word for (answer,) in answers)
    same("the words", words, ["created"] + ["replayed"] * 99)
    same("different jobs", len({answer.job.job_id for (answer,) in answers if answer.job}), 1)
    same("jobs to run", len(await on.ids_claimed()), 1)
