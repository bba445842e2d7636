"""Whatever users and jobs write is text."""

from __future__ import annotations

import pytest

from asyncendpoints import _core
from asyncendpoints.dashboard import Grant
from asyncendpoints.job import NewJob
from asyncendpoints.observability.reports import Card, EndpointCounts, SlotCounts, encode_card, encode_counts
from asyncendpoints.request import StoredRequest, encode_request
from asyncendpoints.stores.base import SLOT_MS, Report

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"><svg/onload=alert(3)>"


async def poison(store, *, now: int) -> str:
    """Store a job every part of which is hostile, and a process that is; return the job's id."""
    request = StoredRequest(
        method="POST", path=f"/{EVIL}", route=EVIL, path_params={EVIL: EVIL}, query=EVIL, headers=[(EVIL, EVIL)]
    )
    body = ('{"x":"' + EVIL.replace('"', '\\"') + '"}').encode()
    job = NewJob(
        job_id=_core.new_job_id(),
        handler=EVIL[:128],
        owner=EVIL,
        scope="s",
        key=EVIL.replace(" ", "_"),
        fingerprint=bytes(32),
        payload=body,
        request=encode_request(request),
        max_attempts=2,
    )
    await store.enqueue([job])
    claims = await store.claim(worker=EVIL[:60], claim_id="c", queues=["default"], limit=1, lease_ms=60_000)
    (claim,) = claims.claims
    quoted = EVIL.replace('"', '\\"')
    progress = f'{{"percent":"{quoted}","message":"{quoted}","data":"{quoted}"}}'.encode()
    await store.progress(claim.job_id, claim.fence, progress)
    error = f'{{"type":"{quoted}","title":"{quoted}","detail":"{quoted}","status":500,"traceback":"{quoted}"}}'.encode()
    await store.settle([_core.Settlement.of(claim, "raised_final", error=error)])
    card = Card(
        host=EVIL,
        pid=1,
        version=EVIL,
        python=EVIL,
        started_at=now,
        worker=EVIL,
        queues=[EVIL],
        handlers=[EVIL],
        slots=1,
    )
    counts = SlotCounts(endpoints={EVIL: {EVIL: EndpointCounts(created=1, ended={EVIL: 1})}}, oldest_ms={EVIL: 1})
    await store.report(Report(process="p", card=encode_card(card), slot=now // SLOT_MS, history=encode_counts(counts)))
    return job.job_id


@pytest.mark.parametrize("grant", [Grant.READ | Grant.ACT, Grant.READ | Grant.ACT | Grant.BODIES])
async def test_hostile_text_is_escaped_on_every_page(visit, grant):
    import time

    visitor = await visit(local=grant, title=EVIL)
    job_id = await poison(visitor.jobs.engine.store, now=time.time_ns() // 1_000_000)
    group = (await visitor.page("failed")).split("./failed/")[1].split('"')[0]
    ways = ["", "jobs", f"jobs/{job_id}", "failed", f"failed/{group}", "endpoints", "queues", "workers", "nope"]
    ways += [f"jobs/{job_id}/delete", f"jobs/{job_id}/redrive", f"failed/{group}/redrive"]
    for way in ways:
        page = (await visitor.http.get(way)).text
        assert "<script>alert" not in page, way
        assert "<img" not in page, way
        assert "<svg/onload" not in page, way
        assert "'\">" not in page, way


async def test_hostile_addresses_are_escaped(visit):
    visitor = await visit()
    for name in ("endpoint", "owner", "request", "queue", "state", "since", "find", "window", "cursor", EVIL):
        for way in ("jobs", "failed", "queues"):
            page = (await visitor.http.get(way, params={name: EVIL})).text
            assert "<script>alert" not in page
            assert "'\">" not in page


@pytest.mark.parametrize(
    "error", [b"", b"\xff\xfe", b"[1,2]", b"null", b'{"title":{"a":1},"detail":[1]}', b"[" * 4000, b'"text"']
)
async def test_an_error_that_is_no_problem_object_is_shown_all_the_same(visit, error):
    visitor = await visit()
    store = visitor.jobs.engine.store
    job = NewJob(job_id=_core.new_job_id(), handler="pay", payload=b"{}")
    await store.enqueue([job])
    claims = await store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=60_000)
    await store.settle([_core.Settlement.of(claims.claims[0], "raised_final", error=error)])
    for way in ("", "jobs", "failed", f"jobs/{job.job_id}"):
        await visitor.page(way)


async def test_reports_that_cannot_be_read_cost_no_page(visit):
    import time

    visitor = await visit()
    slot = time.time_ns() // 1_000_000 // SLOT_MS
    await visitor.jobs.engine.store.report(Report(process="p", card=b"\xff", slot=slot, history=b"{}}"))
    for way in ("", "endpoints", "queues", "workers"):
        await visitor.page(way)


_CARD = b'{"host":"h","pid":1,"version":"1","python":"3","started_at":1,"worker":"w"'
_HUGE = b"9" * 400


@pytest.mark.parametrize(
    ("card", "history"),
    [
        (_CARD + b',"slots":' + _HUGE + b"}", b"{}"),
        (_CARD + b',"busy":-1}', b"{}"),
        (_CARD + b',"stalled_ms":' + 20 * _HUGE + b"}", b"{}"),
        (_CARD + b"}", b'{"endpoints":{"a":{"b":{"ran":{"-100":1}}}}}'),
        (_CARD + b"}", b'{"endpoints":{"a":{"b":{"created":' + _HUGE + b"}}}}"),
        (_CARD + b"}", b'{"endpoints":{"a":{"b":{"ended":{"completed":' + _HUGE + b"}}}}}"),
    ],
)
async def test_reports_of_numbers_that_cannot_be_cost_no_page(visit, card, history):
    import time

    visitor = await visit()
    slot = time.time_ns() // 1_000_000 // SLOT_MS
    await visitor.jobs.engine.store.report(Report(process="p", card=card, slot=slot, history=history))
    for way in ("", "jobs", "endpoints", "queues", "workers"):
        await visitor.page(way)


async def test_progress_that_is_more_than_a_number_can_be_is_shown_as_all_of_it(visit):
    visitor = await visit()
    store = visitor.jobs.engine.store
    job = NewJob(job_id=_core.new_job_id(), handler="pay", payload=b"{}")
    await store.enqueue([job])
    claims = await store.claim(worker="w", claim_id="c", queues=["default"], limit=1, lease_ms=60_000)
    await store.progress(job.job_id, claims.claims[0].fence, b'{"percent":' + _HUGE + b"}")
    assert "100 %" in await visitor.page(f"jobs/{job.job_id}")


async def test_a_small_payload_makes_no_huge_page(visit):
    visitor = await visit(local=Grant.READ | Grant.BODIES)
    nested = b"[" * 900 + b",".join([b"1"] * 30_000) + b"]" * 900
    job = NewJob(job_id=_core.new_job_id(), handler="pay", payload=nested)
    await visitor.jobs.engine.store.enqueue([job])
    page = await visitor.page(f"jobs/{job.job_id}")
    assert nested.decode() in page
    assert len(page) < 2 * len(nested)


async def test_a_time_beyond_the_years_that_stores_know_is_the_last_one(visit):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay")).job
    assert job.job_id in await visitor.page("jobs?before=9999-12-31T23:59:59-23:59")
