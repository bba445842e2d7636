"""Section 2 of the HTTP contract: `GET /jobs/{jobId}` in every state, its headers, and the long poll."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.requests import Request

from asyncendpoints import Retry
from asyncendpoints.policy import Fixed
from tests.http.conftest import Client, named, problem_of
from tests.http.serving import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_completed_job_has_its_result(shared: Client) -> None:
    """The resource of a completed job tells when, how often, and with what result it ran."""
    job = shared.finished(value={"rows": [1, 2]})
    assert (job["status"], job["done"]) == ("completed", True)
    assert job["result"] == {"rows": [1, 2]}
    assert job["error"] is None
    assert job["attempt"] == 1
    (attempt,) = job["attempts"]
    assert set(attempt) == {"number", "startedAt", "finishedAt", "outcome", "error", "worker"}
    assert (attempt["number"], attempt["outcome"], attempt["error"]) == (1, "completed", None)
    assert attempt["startedAt"] == job["startedAt"]
    assert attempt["finishedAt"] == job["finishedAt"]
    assert attempt["worker"]
    assert job["expiresAt"] > job["finishedAt"]
    assert job["nextAttemptAt"] is None
    assert job["cancelRequestedAt"] is None
    assert job["redriveOf"] is None


def test_a_failed_job_is_200_with_its_error(shared: Client) -> None:
    """The job resource answers 200 in every state; the error is a problem object."""
    job = shared.finished("raise", "boom")
    assert shared.get(job["statusUrl"]).status_code == 200
    assert (job["status"], job["result"]) == ("failed", None)
    error = job["error"]
    assert error["type"] == "https://asyncendpoints.dev/problems/handler-failed"
    assert error["detail"] == "ValueError: boom"
    assert error["status"] == 500
    assert "traceback" not in error
    assert job["attempts"][0]["outcome"] == "error"
    assert job["attempts"][0]["error"]["detail"] == "ValueError: boom"


def test_errors_may_be_hidden_or_shown_with_tracebacks(serve: Callable[..., Client]) -> None:
    """`expose_errors=False` hides the message; tracebacks are shown only where switched on."""
    hidden = serve(expose_errors=False).finished("raise", "secret")
    assert "secret" not in str(hidden)
    shown = serve(expose_tracebacks=True).finished("raise", "boom")
    assert "do_raise" in shown["error"]["traceback"]


def test_a_running_job_shows_its_progress(shared: Client) -> None:
    """Progress is null, or percent, message and data, visible within a poll."""
    job = shared.accepted("report", "end")
    assert job["progress"] is None
    running = shared.until(job["statusUrl"], "in_progress")
    while running["progress"] is None:
        running = shared.get(job["statusUrl"]).json()
    assert running["progress"] == {"percent": 50, "message": "half", "data": {"n": 1}}
    assert running["attempts"][0]["outcome"] is None
    assert running["attempts"][0]["finishedAt"] is None
    shared.open_gate()
    assert shared.until(job["statusUrl"])["result"] == "end"
    shared.serving.soon(shared.stage.gate.clear)


def test_a_job_between_attempts_is_scheduled_and_says_when(serve: Callable[..., Client]) -> None:
    """`scheduled`, with nextAttemptAt; Retry-After points to it."""
    client = serve(policy={"retry": Retry(max_attempts=2, backoff=Fixed(3600))})
    job = client.accepted("raise", "again")
    waiting = client.until(job["statusUrl"], "scheduled")
    assert waiting["nextAttemptAt"] > waiting["updatedAt"]
    assert waiting["scheduledAt"] is None
    assert (waiting["attempt"], waiting["maxAttempts"]) == (1, 2)
    answer = client.get(job["statusUrl"])
    assert answer.headers["Retry-After"] == "60"


def test_a_large_result_is_not_inlined(shared: Client) -> None:
    """Over 64 KiB `result` is null, and `resultUrl` has it."""
    small, large = "x" * 65_534, "x" * 65_535
    assert shared.finished(value=small)["result"] == small
    job = shared.finished(value=large)
    assert job["result"] is None
    assert shared.get(job["resultUrl"]).json() == large


@pytest.mark.parametrize(
    ("presented", "inlined"),
    [
        ({"bytes": '{"a":"\xff"}', "type": "application/json"}, None),
        ({"bytes": '{"a":"\\ud800"}', "type": "application/json"}, None),
        ({"body": {"a": 1}}, {"a": 1}),
        ({"body": "text"}, None),
        ({"bytes": "{\n \"a\":\r\n [1]}", "type": "application/json; charset=utf-8"}, {"a": [1]}),
        ({"bytes": "{broken", "type": "application/json"}, None),
        ({"bytes": "\xff", "type": "application/json"}, None),
        ({"bytes": "[" * 100_000, "type": "application/json"}, None),
        ({"bytes": "", "type": "application/json"}, None),
        ({"bytes": "1", "type": "text/csv"}, None),
    ],
)  # fmt: skip
def test_only_json_is_inlined(shared: Client, presented: dict[str, Any], inlined: Any) -> None:
    """A result of another media type, or that claims to be JSON and is not, is null in the resource."""
    job = shared.finished("present", presented)
    assert job["status"] == "completed", job
    assert job["result"] == inlined


# Headers --------------------------------------------------------------------------------------------------------


def test_the_headers_of_the_job_resource(shared: Client) -> None:
    """ETag and Cache-Control always, Retry-After only while not done, Vary: Prefer."""
    job = shared.accepted("hold")
    answer = shared.get(job["statusUrl"])
    assert answer.headers["Retry-After"].isdigit()
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Vary"] == "Prefer"
    assert answer.headers["Content-Type"] == "application/json"
    tag = answer.headers["ETag"]
    shared.open_gate()
    shared.until(job["statusUrl"])
    answer = shared.get(job["statusUrl"])
    assert "Retry-After" not in answer.headers
    assert answer.headers["ETag"] != tag
    shared.serving.soon(shared.stage.gate.clear)


def test_if_none_match_answers_304(shared: Client) -> None:
    """By weak comparison, in lists, and for `*`; without a body, with the ETag; what is malformed is ignored."""
    url = shared.finished()["statusUrl"]
    tag = shared.get(url).headers["ETag"]
    strong = tag.removeprefix("W/")
    for value in (tag, strong, f'"x", {tag}', f'W/"1000" ,\t{strong} , "y"', "*", '"a,b",' + strong):
        answer = shared.get(url, If_None_Match=value)
        assert (answer.status_code, answer.content) == (304, b""), value
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Type" not in answer.headers
    for value in ('"other"', 'W/"999"', strong.strip('"'), '"', strong + "x", "", "W/", '"a" "b"'):
        assert shared.get(url, If_None_Match=value).status_code == 200, value


def test_several_if_none_match_headers_are_one_list(shared: Client) -> None:
    """Header lines of one name are joined."""
    url = shared.finished()["statusUrl"]
    tag = shared.get(url).headers["ETag"]
    answer = shared.http.get(url, headers=[("If-None-Match", '"x"'), ("If-None-Match", tag)])
    assert answer.status_code == 304


def test_head_is_get_without_a_body(shared: Client) -> None:
    """HEAD answers with the headers of GET on every job route that reads."""
    job = shared.finished(value="x")
    for url in (job["statusUrl"], job["resultUrl"]):
        got, asked = shared.get(url), shared.http.head(url)
        assert asked.status_code == 200
        assert asked.content == b""
        for name in ("ETag", "Cache-Control", "Content-Type", "Content-Length"):
            assert asked.headers[name] == got.headers[name], name
    asked = shared.http.head(job["eventsUrl"])
    assert asked.headers["Content-Type"] == "text/event-stream"
    assert shared.http.head("/jobs/nonsense").status_code == 404


# Long poll ------------------------------------------------------------------------------------------------------


def test_a_long_poll_returns_at_the_first_change(shared: Client) -> None:
    """`Prefer: wait=N` with the version that the client has: held until another one, and told so."""
    job = shared.accepted("hold", 1)
    running = shared.until(job["statusUrl"], "in_progress")
    tag = shared.get(job["statusUrl"]).headers["ETag"]
    timer = threading.Timer(0.05, shared.open_gate)
    timer.start()
    answer = shared.get(job["statusUrl"], If_None_Match=tag, Prefer="wait=20")
    timer.join()
    assert answer.status_code == 200
    assert answer.json()["status"] == "completed"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert running["done"] is False
    shared.serving.soon(shared.stage.gate.clear)


def test_a_long_poll_without_a_tag_waits_from_the_present_version(shared: Client) -> None:
    """Then the first change after the request's arrival ends it."""
    job = shared.accepted("hold", 1)
    shared.until(job["statusUrl"], "in_progress")
    timer = threading.Timer(0.05, shared.open_gate)
    timer.start()
    assert shared.get(job["statusUrl"], Prefer="wait=20").json()["status"] == "completed"
    timer.join()
    shared.serving.soon(shared.stage.gate.clear)


def test_a_long_poll_of_an_old_version_or_a_done_job_returns_at_once(shared: Client) -> None:
    """At once where the version already differs, or the job is done."""
    job = shared.accepted("hold")
    shared.until(job["statusUrl"], "in_progress")
    answer = shared.get(job["statusUrl"], If_None_Match='W/"0"', Prefer="wait=20")
    assert answer.status_code == 200
    shared.open_gate()
    shared.until(job["statusUrl"])
    tag = shared.get(job["statusUrl"]).headers["ETag"]
    answer = shared.get(job["statusUrl"], If_None_Match=tag, Prefer="wait=20")
    assert answer.status_code == 304
    assert shared.get(job["statusUrl"], Prefer="wait=20").status_code == 200
    shared.serving.soon(shared.stage.gate.clear)


def test_a_long_poll_whose_time_is_up_answers_304_or_200(serve: Callable[..., Client]) -> None:
    """After N seconds: 304 where the client had a version, else 200; N is capped."""
    client = serve(max_wait=0.05)
    job = client.accepted("hold")
    client.until(job["statusUrl"], "in_progress")
    tag = client.get(job["statusUrl"]).headers["ETag"]
    for prefer, seconds in (("wait=99", 0), ("wait=0", 0)):
        answer = client.get(job["statusUrl"], If_None_Match=tag, Prefer=prefer)
        assert answer.status_code == 304
        assert answer.headers["Preference-Applied"] == f"wait={seconds}"
        answer = client.get(job["statusUrl"], Prefer=prefer)
        assert answer.status_code == 200
    client.open_gate()


def test_a_client_that_vanishes_during_a_long_poll_leaves_nothing(serve: Callable[..., Client]) -> None:
    """Its tasks end with the connection."""
    client = serve()
    job = client.accepted("hold")
    client.until(job["statusUrl"], "in_progress")
    before = len(client.serving.tasks())
    with client.serving.raw() as connection:
        connection.send(f"GET /jobs/{job['jobId']} HTTP/1.1\r\nHost: x\r\nPrefer: wait=30\r\n\r\n".encode())
        eventually(lambda: len(client.serving.tasks()) > before)
    eventually(lambda: len(client.serving.tasks()) <= before)
    client.open_gate()


# Who may see it -------------------------------------------------------------------------------------------------


def test_owners_see_their_own_jobs(serve: Callable[..., Client], framework: str) -> None:
    """Unknown, malformed and somebody else's are the same 404; an unowned job is everybody's."""

    async def owner(request: Any) -> str | None:
        return request.headers.get("X-User")

    client = serve(framework, owner=owner)
    mine = client.accepted("hold", X_User="ann")
    free = client.accepted("hold")
    assert client.get(mine["statusUrl"], X_User="ann").status_code == 200
    for user in ({}, {"X_User": "ann"}):
        assert client.get(free["statusUrl"], **user).status_code == 200
    unknown = "/jobs/01890a5d-ac96-774b-bcce-b302099a8057"
    problems = []
    for url, user in ((mine["statusUrl"], {"X_User": "bob"}), (mine["statusUrl"], {}), (unknown, {"X_User": "ann"})):
        problem = problem_of(client.get(url, **user), 404, "job-not-found")
        problems.append({name: value for name, value in problem.items() if name != "instance"})
        problem_of(client.get(url + "/result", **user), 404, "job-not-found")
        problem_of(client.get(url + "/events", **user), 404, "job-not-found")
        problem_of(client.http.post(url + "/cancel", headers=named(user)), 404, "job-not-found")
        problem_of(client.http.delete(url, headers=named(user)), 404, "job-not-found")
    assert problems[0] == problems[1] == problems[2]
    assert client.get(mine["statusUrl"], X_User="ann").json()["cancelRequestedAt"] is None
    client.open_gate()


@pytest.mark.parametrize(
    "job_id",
    ["0", "nonsense", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057", "%00", "..%2f..",
     "%0d%0ax", "0" * 5000, "01890a5d-ac96-774b-bcce-b302099a8057%20", "☃", "{job_id}",
     "1890a5d-ac96-774b-bcce-b302099a8057"],
)  # fmt: skip
def test_a_malformed_id_is_the_same_404(shared: Client, job_id: str) -> None:
    """Nobody learns from the answer what an id looks like, and no store is asked."""
    answer = shared.get(f"/jobs/{job_id}")
    if "%2f" in job_id:
        assert answer.status_code == 404
        return
    problem = problem_of(answer, 404, "job-not-found")
    assert "jobId" not in problem


def test_dependencies_guard_the_job_routes(framework: str) -> None:
    """`install(dependencies=…)` stands before every job route, and before nothing else."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse

    from asyncendpoints import AsyncEndpoints
    from tests.http.serving import Serving

    jobs = AsyncEndpoints("memory://")
    if framework == "fastapi":
        from fastapi import Depends, FastAPI, HTTPException

        def check(request: Request) -> None:
            if "X-Token" not in request.headers:
                raise HTTPException(403)

        app: Any = FastAPI()
        jobs.install(app, dependencies=[Depends(check)], health=True, producer=True)
    else:

        async def guard(request: Any) -> Any:
            return None if "X-Token" in request.headers else PlainTextResponse("no", status_code=403)

        app = Starlette()
        jobs.install(app, dependencies=[guard], health=True, producer=True)
    url = "/jobs/01890a5d-ac96-774b-bcce-b302099a8057"
    with Serving(app) as serving:

        def answers(**headers: str) -> set[int]:
            with httpx.Client(base_url=serving.url, headers=named(headers)) as ask:
                return {
                    ask.get(url).status_code, ask.get(url + "/result").status_code, ask.delete(url).status_code,
                    ask.post(url + "/cancel").status_code, ask.get(url + "/events").status_code,
                }  # fmt: skip

        assert answers() == {403}
        assert answers(X_Token="t") == {404}
        assert serving.client.post("/jobs", json={}).status_code == 403
        assert serving.client.get("/livez").status_code == 200
