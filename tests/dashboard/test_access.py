"""Nobody is let in whom the application has not let in, and nobody acts without the right to."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse

from asyncendpoints import AsyncEndpoints, ConfigurationError
from asyncendpoints.dashboard import Grant
from asyncendpoints.dashboard.access import is_local

PLACES = ["", "jobs", "static/x/dashboard.js", "nope"]


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "unix", ""])
async def test_who_is_not_on_this_machine_is_told_how_to_open_it_and_nothing_else(visit, address):
    visitor = await visit(client=(address, 4000))
    await visitor.jobs.submit("pay", idempotency_key="secret-key")
    for place in PLACES:
        page = await visitor.page(place, 403)
        assert "authorize=authorize" in page
        assert "payments" not in page


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_who_is_on_this_machine_may_look(visit, address):
    visitor = await visit(client=(address, 4000))
    await visitor.page("")


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "Via",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Server",
        "X-Client-IP",
        "X-Envoy-External-Address",
    ],
)
async def test_what_comes_through_a_proxy_on_this_machine_is_not_from_this_machine(visit, header):
    visitor = await visit()
    await visitor.page("", 403, **{header: "127.0.0.1"})


async def test_what_speaks_as_nginx_does_by_default_is_not_from_this_machine(visit):
    visitor = await visit()

    def scope(version: str) -> dict[str, Any]:
        headers = [(b"host", b"127.0.0.1:8000")]
        return {"type": "http", "http_version": version, "client": ("127.0.0.1", 4000), "headers": headers}

    assert is_local(scope("1.1"))
    assert not is_local(scope("1.0"))
    await visitor.page("", Host="127.0.0.1:8000")


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://a]b", "null", ":"])
async def test_an_origin_that_is_none_is_refused(visit, origin):
    visitor = await visit()
    await visitor.page("", 403, Origin=origin)


@pytest.mark.parametrize(
    ("way", "to"),
    [
        ("/https%3Aevil.example", "./https%3Aevil.example/"),
        ("/%0D%0ASet-Cookie%3Aa", "./%0D%0ASet-Cookie%3Aa/"),
        ("/\u043e\u043f", "./%D0%BE%D0%BF/"),
    ],
)
async def test_a_mount_whose_name_visitors_choose_leads_nowhere_else(way, to):
    jobs = AsyncEndpoints("memory://", worker=False)
    dashboard = jobs.dashboard()

    async def without_a_slash(scope: Any, receive: Any, send: Any) -> None:
        # As servers and routers do that mount an application by a parameter.
        await dashboard({**scope, "root_path": scope["path"]}, receive, send)

    transport = httpx.ASGITransport(app=without_a_slash)
    async with jobs, httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get(way)
        assert answer.status_code == 303
        assert answer.headers["Location"] == to


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1"])
async def test_a_name_that_was_turned_to_this_machine_is_refused(visit, host):
    visitor = await visit()
    await visitor.page("", 403, Host=host)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "shop.localhost"])
async def test_this_machine_by_its_own_names_is_let_in(visit, host):
    visitor = await visit()
    await visitor.page("", Host=host)


async def test_this_machine_may_only_look_unless_more_is_granted(visit):
    visitor = await visit(local=Grant.READ)
    job = (await visitor.jobs.submit("pay")).job
    assert "/cancel" not in await visitor.page(f"jobs/{job.job_id}")
    await visitor.page(f"jobs/{job.job_id}/cancel", 403)
    answer = await visitor.http.post(f"jobs/{job.job_id}/cancel", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 403
    assert (await visitor.jobs.get(job.job_id)).state == "queued"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("answer", "status"), [(None, 403), (False, 403), (Grant(0), 403), (True, 200), (Grant.READ, 200), (Grant.ACT, 200)]
)
async def test_the_application_says_who_may_look(visit, answer, status, is_async):
    async def later(request: Request):
        return answer

    def now(request: Request):
        assert request.url.path.startswith("/ops")
        return answer

    visitor = await visit(local=Grant.READ, authorize=later if is_async else now, client=("192.0.2.7", 1))
    await visitor.page("", status, X_Forwarded_For="192.0.2.9", Host="jobs.example")


async def test_the_application_may_answer_by_itself(visit):
    visitor = await visit(local=Grant.READ, authorize=lambda request: RedirectResponse("/login"))
    answer = await visitor.http.get("")
    assert answer.headers["Location"] == "/login"


@pytest.mark.parametrize("answer", ["act", 1, object()])
async def test_an_answer_that_says_nothing_opens_nothing(visit, answer):
    visitor = await visit(local=Grant.READ, authorize=lambda request: answer)
    with pytest.raises(ConfigurationError, match="authorize returned"):
        await visitor.http.get("")


async def test_settings_that_cannot_work_are_refused():
    jobs = AsyncEndpoints("memory://")
    with pytest.raises(ConfigurationError, match="function of the request"):
        jobs.dashboard(authorize="admin")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="must be a Grant"):
        jobs.dashboard(local="act")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no local="):
        jobs.dashboard(authorize=lambda request: True, local=Grant.ACT)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 200),
    ],
)
async def test_another_sites_script_reads_nothing(visit, headers, status):
    visitor = await visit()
    answer = await visitor.http.get("jobs", headers=headers)
    assert answer.status_code == status


async def test_every_answer_is_protected(visit):
    visitor = await visit()
    from asyncendpoints.dashboard.files import version

    for place in ["", "jobs", "nope", f"static/{version()}/dashboard.js", "jobs/x/cancel"]:
        answer = await visitor.http.get(place)
        content = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in content
        assert "unsafe" not in content
        assert "frame-ancestors 'none'" in content
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert ("no-store" in answer.headers["Cache-Control"]) is not place.startswith("static")


async def test_no_page_has_a_script_or_a_style_of_its_own(visit):
    from tests.support.dashboard.world import fill, tell_of_a_day

    visitor = await visit()
    ids = await fill(visitor.jobs.engine.store, 1_000)
    await tell_of_a_day(visitor.jobs.engine.store)
    for place in ["", "jobs", "failed", "queues", "workers", "endpoints", f"jobs/{ids[0]}", f"jobs/{ids[-1]}/cancel"]:
        page = await visitor.page(place)
        assert page.count("<script") == 1
        assert " style=" not in page
        assert "<style" not in page
        assert "javascript:" not in page
        assert " onclick" not in page


@pytest.mark.parametrize("name", ["../application.py", "..%2fapplication.py", "%2e%2e/base.html", "base.html"])
async def test_no_path_leads_to_another_file(visit, name):
    visitor = await visit()
    answer = await visitor.http.get(f"static/x/{name}")
    assert answer.status_code == 404
