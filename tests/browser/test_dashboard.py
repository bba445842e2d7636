"""The dashboard in a real browser: it opens, acts, tells what changes, and lets nothing hostile happen."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.conftest import PHONE, WIDE
from tests.dashboard.test_hostile import EVIL, poison

WAYS = ["", "jobs", "jobs?state=failed", "failed", "endpoints", "endpoints?window=now", "queues", "workers"]
HEADINGS = ["Overview", "Jobs", "Jobs", "Failed jobs", "Endpoints", "Endpoints", "Queues", "Workers"]


@pytest.mark.parametrize(("way", "heading"), list(zip(WAYS, HEADINGS, strict=True)))
def test_each_view_opens_with_ten_thousand_jobs(full, way, heading):
    tab = full()
    page = tab.open(way)
    assert page.locator("h1").first.inner_text() == heading
    tab.wait_until_live()
    assert tab.is_calm, tab.troubles


def test_a_job_and_a_group_of_failed_ones_open_with_ten_thousand_jobs(full):
    tab = full()
    page = tab.open("jobs?state=failed")
    page.locator("table.jobs a").first.click()
    assert page.get_by_role("heading", name="Life").is_visible()
    page.get_by_role("link", name="Others of this kind").click()
    assert page.locator("table.jobs tbody tr").count() > 10
    assert tab.is_calm, tab.troubles


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE, {"width": 320, "height": 640}], ids=["wide", "phone", "small"])
def test_no_page_is_wider_than_the_screen(full, size, scheme):
    tab = full(size=size, scheme=scheme)
    for way in WAYS:
        tab.open(way)
        assert tab.overflow() <= 0, way
    page = tab.open("jobs?state=failed")
    page.locator("table.jobs a").first.click()
    assert tab.overflow() <= 0
    page.get_by_role("link", name="Delete").click()
    assert tab.overflow() <= 0
    assert tab.is_calm, tab.troubles


def test_light_and_dark_follow_the_system(full):
    grounds = []
    for scheme in ("light", "dark"):
        page = full(scheme=scheme).open("")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(part) for part in re.findall(r"\d+", colour)[:3]))
    assert grounds[0] > 600
    assert grounds[1] < 150


def test_an_action_is_carried_out_after_its_confirmation(visit):
    tab = visit()
    job = tab.call(tab.jobs.submit("pay")).job
    page = tab.open(f"jobs/{job.job_id}")
    page.get_by_role("link", name="Cancel").click()
    assert page.get_by_text("This affects 1 job.").is_visible()
    assert tab.call(tab.jobs.get(job.job_id)).state == "queued"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The job is canceled.").wait_for()
    assert tab.call(tab.jobs.get(job.job_id)).state == "canceled"
    assert tab.is_calm, tab.troubles


def test_everything_works_without_a_script(visit):
    tab = visit(script=False)
    for _ in range(3):
        tab.call(tab.jobs.submit("pay"))
    page = tab.open("queues")
    page.get_by_role("link", name="Pause queue payments").click()
    assert page.get_by_text("3 jobs that wait").is_visible()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_text("The queue is paused").is_visible()
    assert page.get_by_role("link", name="Resume queue payments").is_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_label("Endpoint").fill("pay")
    page.get_by_role("button", name="Filter").click()
    assert "endpoint=pay" in page.url
    assert page.locator("table.jobs tbody tr").count() == 3


def test_an_action_is_carried_out_with_the_keyboard_alone(visit):
    tab = visit()
    job = tab.call(tab.jobs.submit("pay", idempotency_key="order-17")).job
    page = tab.open("")
    page.keyboard.press("/")
    page.keyboard.type(job.job_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job.job_id}")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Cancel":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel").wait_for()
    page.keyboard.press("Enter")  # the button has the focus
    page.get_by_text("The job is canceled.").wait_for()


def test_a_page_updates_live_and_keeps_the_focus(visit):
    tab = visit()
    first = tab.call(tab.jobs.submit("pay")).job
    page = tab.open("jobs")
    tab.wait_until_live()
    link = page.locator(f"#job-{first.job_id} a")
    link.focus()
    second = tab.call(tab.jobs.submit("resize_image")).job
    page.locator(f"#job-{second.job_id}").wait_for()
    tab.call(tab.jobs.cancel(first.job_id))
    page.locator(f"#job-{first.job_id} .badge.canceled").wait_for()
    assert link.evaluate("element => element === document.activeElement")
    assert tab.is_calm, tab.troubles


def test_a_jobs_progress_and_end_are_told_live(visit):
    tab = visit()
    store = tab.jobs.engine.store
    job = tab.call(tab.jobs.submit("pay")).job
    page = tab.open(f"jobs/{job.job_id}")
    assert page.get_by_text("No live process works on its queue payments").is_visible()
    (claim,) = tab.call(store.claim(worker="w", claim_id="c", queues=["payments"], limit=1, lease_ms=60_000)).claims
    tab.call(store.progress(claim.job_id, claim.fence, b'{"percent":40,"message":"page 4 of 10","data":null}'))
    page.get_by_text("page 4 of 10").wait_for()
    assert page.locator("progress").get_attribute("value") == "40.0"
    tab.call(tab.jobs.cancel(job.job_id))
    page.get_by_text("cancel asked for").wait_for()
    assert tab.is_calm, tab.troubles


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
def test_a_hostile_job_does_nothing_and_its_text_is_seen(visit, kind):
    from asyncendpoints.dashboard import Grant

    tab = visit(kind, title=EVIL, local=Grant.READ | Grant.ACT | Grant.BODIES)
    job_id = tab.call(poison(tab.jobs.engine.store, now=time.time_ns() // 1_000_000))
    for way in ["", "jobs", "failed", "endpoints", "queues", "workers", f"jobs/{job_id}", f"jobs/{job_id}/delete"]:
        page = tab.open(way)
        assert "<script>alert(1)</script>" in page.locator("body").inner_text(), way
        assert page.locator("script").count() == 1
        if page.locator("#live[data-live]").count():
            tab.wait_until_live()
    page = tab.open("failed")
    page.locator(".groups a").first.click()
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    assert tab.is_calm, tab.troubles


def test_what_is_told_live_is_as_harmless_as_what_was_loaded(visit):
    tab = visit()
    page = tab.open("jobs")
    tab.wait_until_live()
    tab.call(poison(tab.jobs.engine.store, now=time.time_ns() // 1_000_000))
    page.get_by_text("<script>alert(1)</script>").first.wait_for()
    assert page.locator("main script, main img").count() == 0
    assert tab.is_calm, tab.troubles


def test_a_script_in_a_page_would_not_run(visit):
    tab = visit()
    page = tab.open("")
    page.evaluate("document.getElementById('main').insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    page.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'alert(2)';"
        " document.body.append(made); }"
    )
    page.wait_for_function("() => document.querySelector('main img').complete")
    assert tab.dialogs == []
    assert any("Content Security Policy" in message for message in tab.messages)


def test_a_stream_ends_when_nobody_sees_the_page(visit):
    tab = visit()
    page = tab.open("queues")
    tab.wait_until_live()
    page.goto("about:blank")
    from tests.http.serving import eventually

    eventually(lambda: not [task for task in tab.serving.tasks() if "Poller" in repr(task)])
