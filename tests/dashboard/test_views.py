"""Each page shows what the store and the processes tell."""

from __future__ import annotations

import pytest

from asyncendpoints import _core
from asyncendpoints.job import NewJob
from tests.support.dashboard.world import fill, tell_of_a_day

WAYS = [
    "",
    "jobs",
    "failed",
    "endpoints",
    "queues",
    "workers",
    "jobs?state=failed&queue=mail&endpoint=send-welcome-email",
]


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
async def test_every_page_opens_on_an_empty_store(visit, kind):
    visitor = await visit(kind)
    for way in WAYS:
        await visitor.page(way)


async def test_every_page_opens_on_a_full_store(visit):
    visitor = await visit()
    await fill(visitor.jobs.engine.store, 3_000)
    await tell_of_a_day(visitor.jobs.engine.store)
    for way in WAYS:
        page = await visitor.page(way)
        assert "Undefined" not in page


async def test_the_mount_without_its_slash_leads_to_the_first_page(visit):
    visitor = await visit()
    answer = await visitor.http.get("http://localhost/ops")
    assert answer.status_code in (303, 307)
    assert answer.headers["Location"].endswith("ops/")


async def test_a_job_is_found_by_its_id(visit):
    visitor = await visit()
    submission = await visitor.jobs.submit("pay", idempotency_key="order-17")
    answer = await visitor.http.get("jobs", params={"find": submission.job.job_id})
    assert answer.headers["Location"] == f"./jobs/{submission.job.job_id}"
    assert "order-17" in await visitor.page(f"jobs/{submission.job.job_id}")


async def test_a_waiting_job_says_why_it_is_not_running(visit):
    visitor = await visit()
    submission = await visitor.jobs.submit("pay")
    page = await visitor.page(f"jobs/{submission.job.job_id}")
    assert "No live process works on its queue payments" in page


async def test_what_is_no_filter_is_told_and_not_passed_over(visit):
    visitor = await visit()
    page = await visitor.page("jobs?since=yesterday", 400)
    assert "A time in UTC such as" in page


async def test_an_unknown_job_is_not_found(visit):
    visitor = await visit()
    for job_id in (_core.new_job_id(), "x", "<script>"):
        await visitor.page(f"jobs/{job_id}", 404)


async def test_payload_and_result_are_shown_only_where_they_are_granted(visit):
    from asyncendpoints.dashboard import Grant

    for grant, shown in ((Grant.READ, False), (Grant.BODIES, True)):
        visitor = await visit(local=grant)
        job_id = _core.new_job_id()
        await visitor.jobs.engine.store.enqueue([NewJob(job_id=job_id, handler="pay", payload=b'{"card":"4242"}')])
        page = await visitor.page(f"jobs/{job_id}")
        assert ("4242" in page) is shown


async def test_failed_jobs_are_grouped_by_what_is_alike_in_their_errors(visit):
    visitor = await visit()
    await fill(visitor.jobs.engine.store, 2_000)
    page = await visitor.page("failed")
    assert page.count('class="error"') == 4
