"""Actions are confirmed, done once, and told; a form that is not the dashboard's own does nothing."""

from __future__ import annotations

import asyncio

import pytest

from asyncendpoints import _core
from asyncendpoints.dashboard.forgery import COOKIE
from asyncendpoints.dashboard.groups import REDRIVEN_AT_ONCE
from asyncendpoints.job import NewJob
from tests.support.dashboard.forms import fields_of


async def failed_jobs(visitor, count: int, detail: str = "ValueError: boom", *, handler: str = "pay") -> list[str]:
    """Store jobs and have them fail alike."""
    store = visitor.jobs.engine.store
    jobs = [NewJob(job_id=_core.new_job_id(), handler=handler, queue="payments", payload=b"{}") for _ in range(count)]
    await store.enqueue(jobs)
    claims = await store.claim(
        worker="w", claim_id=_core.new_job_id(), queues=["payments"], limit=count, lease_ms=60_000
    )
    error = b'{"type":"about:blank","title":"The handler failed","status":500,"detail":"%s"}' % detail.encode()
    await store.settle([_core.Settlement.of(claim, "raised_final", error=error) for claim in claims.claims])
    return [job.job_id for job in jobs]


async def test_a_waiting_job_is_canceled_after_a_confirmation_that_says_how_many(visit):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay")).job
    way = f"jobs/{job.job_id}/cancel"
    page = await visitor.page(way)
    assert "This affects 1 job." in page
    assert (await visitor.jobs.get(job.job_id)).state == "queued"
    answer = await visitor.confirm(way)
    assert answer.status_code == 303
    assert (await visitor.jobs.get(job.job_id)).state == "canceled"
    told = await visitor.page(f"jobs/{job.job_id}")
    assert "The job is canceled." in told
    assert "The job is canceled." not in await visitor.page(f"jobs/{job.job_id}")


async def test_a_failed_job_is_run_again_and_deleted(visit):
    visitor = await visit()
    (job_id,) = await failed_jobs(visitor, 1)
    answer = await visitor.confirm(f"jobs/{job_id}/redrive")
    page = await visitor.page(answer.headers["Location"].removeprefix("../../"))
    assert "A new job repeats it." in page
    jobs = (await visitor.jobs.engine.store.list(_all())).jobs
    assert [job.redrive_of for job in jobs if job.job_id != job_id] == [job_id]
    await visitor.confirm(f"jobs/{job_id}/delete")
    assert await visitor.jobs.engine.store.get(job_id) is None


async def test_a_scheduled_job_runs_now(visit):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay", delay=3600)).job
    await visitor.confirm(f"jobs/{job.job_id}/run-now")
    assert (await visitor.jobs.get(job.job_id)).state == "queued"


async def test_a_queue_is_paused_and_resumed_with_the_number_of_jobs_that_wait(visit):
    visitor = await visit()
    for _ in range(3):
        await visitor.jobs.submit("pay")
    assert "3 jobs that wait" in await visitor.page("queues/payments/pause")
    await visitor.confirm("queues/payments/pause")
    page = await visitor.page("queues")
    assert "The queue is paused" in page
    assert "3 jobs wait" in page
    assert "payments" in (await visitor.jobs.engine.store.stats()).paused
    await visitor.confirm("queues/payments/resume")
    assert not (await visitor.jobs.engine.store.stats()).paused


@pytest.mark.parametrize("action", ["cancel", "redrive", "run-now", "delete"])
async def test_what_no_longer_can_be_done_changes_nothing_and_is_told(visit, action):
    visitor = await visit()
    job_id = (await failed_jobs(visitor, 1))[0] if action == "cancel" else (await visitor.jobs.submit("pay")).job.job_id
    before = await visitor.jobs.get(job_id)
    answer = await visitor.confirm(f"jobs/{job_id}/{action}")
    assert answer.status_code == 303
    assert (await visitor.jobs.get(job_id)).version == before.version
    assert "0 jobs affected" in await visitor.page(f"jobs/{job_id}")


async def test_an_action_on_a_job_that_is_gone_is_told(visit):
    visitor = await visit()
    (job_id,) = await failed_jobs(visitor, 1)
    fields = fields_of(await visitor.page(f"jobs/{job_id}/delete"))
    await visitor.jobs.engine.store.delete(job_id)
    answer = await visitor.http.post(f"jobs/{job_id}/delete", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    assert "The job is gone." in await visitor.page("jobs")


@pytest.mark.parametrize(
    ("headers", "token", "cookie"),
    [
        ({}, None, None),
        ({"Sec-Fetch-Site": "cross-site"}, None, None),
        ({"Sec-Fetch-Site": "same-site"}, None, None),
        ({"Sec-Fetch-Site": "none"}, None, None),
        ({"Origin": "http://evil.example"}, None, None),
        ({"Origin": "null"}, None, None),
        ({"Sec-Fetch-Site": "same-origin"}, "0" * 64, None),
        ({"Sec-Fetch-Site": "same-origin"}, "", None),
        ({"Sec-Fetch-Site": "same-origin"}, "é", None),
        ({"Sec-Fetch-Site": "same-origin"}, None, "A" * 43),
        ({"Sec-Fetch-Site": "same-origin"}, None, ""),
    ],
)
async def test_a_form_that_is_not_the_dashboards_own_does_nothing(visit, headers, token, cookie):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay")).job
    way = f"jobs/{job.job_id}/cancel"
    fields = fields_of(await visitor.page(way))
    if token is not None:
        fields["token"] = token
    if cookie is not None:
        visitor.http.cookies.clear()
        visitor.http.cookies.set(COOKIE, cookie)
    answer = await visitor.http.post(way, data=fields, headers=headers)
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text or "another site" in answer.text
    assert (await visitor.jobs.get(job.job_id)).state == "queued"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"token=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b'{"token":"x"}', "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(100)), "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_no_form_does_nothing(visit, body, kind):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay")).job
    answer = await visitor.http.post(
        f"jobs/{job.job_id}/cancel", content=body, headers={"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 403
    assert (await visitor.jobs.get(job.job_id)).state == "queued"


async def test_a_get_never_acts(visit):
    visitor = await visit()
    job = (await visitor.jobs.submit("pay")).job
    fields = fields_of(await visitor.page(f"jobs/{job.job_id}/cancel"))
    await visitor.http.get(f"jobs/{job.job_id}/cancel", params=fields)
    assert (await visitor.jobs.get(job.job_id)).state == "queued"


async def test_a_group_is_run_again_in_bounded_steps_and_each_job_once(visit):
    visitor = await visit()
    alike = await failed_jobs(visitor, REDRIVEN_AT_ONCE + 120, "KeyError: 'customer-7'")
    others = await failed_jobs(visitor, 5, "ValueError: boom")
    page = await visitor.page("failed")
    groups = [part.split('"')[0] for part in page.split("./failed/")[1:]]
    assert len(groups) == 2
    way = f"failed/{groups[0]}/redrive"
    assert f"{REDRIVEN_AT_ONCE + 120} jobs" in await visitor.page(way)
    answer = await visitor.confirm(way)
    steps = 1
    while "cursor=" in answer.headers["Location"]:
        answer = await visitor.confirm(way + "?" + answer.headers["Location"].partition("?")[2])
        steps += 1
    assert steps == 2
    assert f"{REDRIVEN_AT_ONCE + 120} jobs were run again" in await visitor.page("failed")
    repeated: list[str | None] = []
    cursor = None
    while True:
        listed = await visitor.jobs.engine.store.list(_all(), cursor=cursor)
        repeated += [job.redrive_of for job in listed.jobs if job.redrive_of]
        cursor = listed.cursor
        if cursor is None:
            break
    assert sorted(repeated) == sorted(alike)
    assert not set(others) & set(repeated)


@pytest.mark.parametrize("kept", ["memory://", "sqlite:///{folder}/jobs.db"])
async def test_a_group_that_is_run_again_twice_or_at_once_runs_each_job_once(visit, tmp_path, kept):
    visitor = await visit(store=kept.format(folder=tmp_path))
    store = visitor.jobs.engine.store
    alike = await failed_jobs(visitor, 3)
    way = "failed/" + (await visitor.page("failed")).split("./failed/")[1].split('"')[0] + "/redrive"
    await asyncio.gather(visitor.confirm(way), visitor.confirm(way))
    made = [job for job in (await store.list(_all())).jobs if job.redrive_of]
    assert sorted(job.redrive_of for job in made) == sorted(alike)
    assert all(_core.is_job_id(job.job_id) and job.state == "queued" for job in made)
    await visitor.confirm(way)
    assert "0 jobs were run again" in await visitor.page("failed")
    # The repetitions fail too: each of them is repeated, and what they repeat is not.
    claims = await store.claim(worker="w", claim_id="again", queues=["payments"], limit=3, lease_ms=60_000)
    error = b'{"type":"about:blank","title":"The handler failed","status":500,"detail":"ValueError: boom"}'
    await store.settle([_core.Settlement.of(claim, "raised_final", error=error) for claim in claims.claims])
    await visitor.confirm(way)
    assert "3 jobs were run again" in await visitor.page("failed")
    again = [job for job in (await store.list(_all())).jobs if job.redrive_of and job.state == "queued"]
    assert sorted(job.redrive_of for job in again) == sorted(job.job_id for job in made)


async def test_what_a_cookie_of_somebody_else_says_is_not_told(visit):
    visitor = await visit()
    for value in ["<script>.1.", "canceled.1.<b>", "nothing.1.", "canceled", "canceled.-1."]:
        visitor.http.cookies.clear()
        page = (await visitor.http.get("jobs", headers={"Cookie": f"asyncendpoints_told={value}"})).text
        assert 'class="told' not in page


def _all():
    from asyncendpoints.stores.base import JobFilter

    return JobFilter()
