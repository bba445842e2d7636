"""Texts come back identical or are refused, and two that differ in anything are never taken for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asyncendpoints.errors import StoreRefused
from asyncendpoints.stores.base import JobFilter
from asyncendpoints.testing.conformance.rule import holds, rule, same
from asyncendpoints.testing.conformance.submit import HOSTILE_TEXTS

if TYPE_CHECKING:
    from asyncendpoints.job import Job
    from asyncendpoints.testing.conformance.subject import Subject

_REFUSED: Final = (ValueError, StoreRefused)
"""How a text may be refused: at the door, before anything is stored."""
_TEXTS: Final = (*HOSTILE_TEXTS, "\ud800 lone surrogate", "\udfff")
_TWINS: Final = (
    ("key", "KEY"),
    ("key", "key "),
    ("key", " key"),
    ("key", "key\n"),
    ("key", "key\u200b"),
    ("é", "e\u0301"),
    ("Å", "\u212b"),
    ("ß", "ss"),
    ("æ", "ae"),
    ("i", "\u0131"),
    ("1", "\uff11"),
    ("😀", "😁"),
)
"""Pairs that many a database's rules for sorting take for the same text."""


async def _lived(on: Subject, text: str) -> Job | None:
    """Give every text field of a job's life this text, and return the job, or None where the text was refused."""
    raw = text.encode("utf-8", "surrogatepass")
    try:
        new = on.new_job(handler=text, owner=text, scope=text, key=text, request=raw, payload=raw, max_attempts=2)
        (answer,) = await on.enqueue(new)
    except _REFUSED:
        return None
    same("the answer", answer.word, "created")
    claim = await on.take(worker="first")
    given = (claim.handler, claim.owner, claim.request_id, claim.request, claim.payload)
    same("what the worker is given", given, (text, text, text, raw, raw))
    await on.store.progress(claim.job_id, claim.fence, raw, now=on.now)
    await on.settle(claim, "raised", error=raw)
    on.advance(1_000)
    again = await on.take(worker="second")
    await on.settle(again, "returned", result=raw, result_meta=raw)
    return await on.get(claim.job_id)


@rule()
async def sub_1_every_text_of_a_job_comes_back_identical_or_is_refused(on: Subject) -> None:
    """SUB-1: Names, keys, errors, progress and results come back as they were, whatever is in them, or are refused."""
    for text in _TEXTS:
        job = await _lived(on, text)
        if job is None:
            same(f"jobs left by the refused {text[:40]!r}", await on.ids_claimed(), [])
            continue
        raw = text.encode("utf-8", "surrogatepass")
        names = (job.handler, job.owner, job.scope, job.request_id)
        same(f"the names {text[:40]!r}", names, (text,) * 4)
        same("the bodies", (job.request, job.payload, job.progress, job.result, job.result_meta), (raw,) * 5)
        same("the error", job.runs[0].error, raw)
        (replay,) = await on.enqueue(on.new_job(handler=text, owner=text, scope=text, key=text))
        same("the replay", (replay.word, replay.job and replay.job.job_id), ("replayed", job.job_id))
        page = await on.store.list(JobFilter(owner=text, handler=text))
        same("the listing", [found.job_id for found in page.jobs], [job.job_id])


@rule()
async def clm_4_the_name_of_a_worker_comes_back_identical_or_is_refused(on: Subject) -> None:
    """CLM-4: A run bears its worker's name, whatever characters are in it."""
    for text in _TEXTS:
        job = await on.submit()
        try:
            claim = await on.take(worker=text)
        except _REFUSED:
            same("the job of a refused claim", (await on.get(job.job_id)).state, "queued")
            claim = await on.take()
        else:
            same("the worker", (await on.get(job.job_id)).runs[-1].worker, text)
        await on.settle(claim)


@rule()
async def idm_1_keys_that_look_alike_are_different_keys(on: Subject) -> None:
    """IDM-1: Keys and scopes that differ in case, in spaces or in how a letter is written never meet."""
    for one, other in _TWINS:
        words = [
            (await on.enqueue(on.new_job(scope=scope, key=key)))[0].word
            for scope, key in ((one, "k"), (other, "k"), ("s", one), ("s", other))
        ]
        holds(f"{one!r} and {other!r} are different", words[1] == words[3] == "created")


@rule()
async def sub_1_owners_that_look_alike_are_different_owners(on: Subject) -> None:
    """SUB-1: A filter by owner or handler shows none whose name merely looks like it."""
    for number, (one, other) in enumerate(_TWINS):
        queue = f"queue-{number}"
        jobs = [await on.submit(queue=queue, owner=name, handler=name) for name in (one, other)]
        for name, job in zip((one, other), jobs, strict=True):
            for where in (JobFilter(queue=queue, owner=name), JobFilter(queue=queue, handler=name)):
                page = await on.store.list(where)
                same(f"the jobs of {name!r}", [found.job_id for found in page.jobs], [job.job_id])


@rule()
async def eff_1_effects_that_look_alike_are_different_effects(on: Subject) -> None:
    """EFF-1: What was recorded under one key is not answered to another that merely looks like it."""
    for one, other in _TWINS:
        claim = await on.start()
        await on.reserve(claim, one, nonce="n")
        await on.record(claim, one, nonce="n", value=b"1")
        same(f"{other!r} after {one!r}", (await on.reserve(claim, other, nonce="m")).word, "reserved")
        # Nonces that differ in case or spaces are different calls.
        for nonce in ("M", "m "):
            same(f"the nonce {nonce!r}", (await on.reserve(claim, other, nonce=nonce)).word, "uncertain")
            same("its record", await on.record(claim, other, nonce=nonce), False)
        await on.settle(claim)


@rule()
async def clm_2_queues_whose_names_differ_in_case_are_different_queues(on: Subject) -> None:
    """CLM-2: A claim takes nothing from a queue whose name differs in case, and neither is the other paused."""
    small, large = await on.submit(queue="reports"), await on.submit(queue="REPORTS")
    await on.store.pause("reports", True)
    same("the paused queue", await on.ids_claimed(queues=["reports"]), [])
    same("the other queue", await on.ids_claimed(queues=["reports", "REPORTS"]), [large.job_id])
    await on.store.pause("reports", False)
    counts = (await on.store.stats(now=on.now)).counts
    same("the counts", (counts["reports"]["queued"], counts["REPORTS"]["queued"]), (1, 0))
    same("after the pause", await on.ids_claimed(queues=["reports"]), [small.job_id])


@rule()
async def sub_3_a_claim_is_given_back_by_its_very_own_id(on: Subject) -> None:
    """SUB-3: To give back a claim whose id merely looks like another's gives back nothing of the other."""
    for number, (one, other) in enumerate(_TWINS):
        await on.submit()
        claim = await on.take(claim_id=f"{number}{one}")
        same(f"given back for {other!r}", await on.store.release_claim(f"{number}{other}", now=on.now), 0)
        same(f"given back for {one!r}", await on.store.release_claim(f"{number}{one}", now=on.now), 1)
        await on.settle(await on.take())
        holds("the run was the claim's", claim.fence == 1)
