"""`asyncendpoints jobs` and `queues` tell of the jobs of a store, and act on them, from another process."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import AsyncEndpoints, Retry, cli
from asyncendpoints._core import new_job_id
from asyncendpoints.commands.reading import signs_of
from asyncendpoints.dashboard.fingerprints import kind_of
from asyncendpoints.dashboard.groups import redrive_some
from asyncendpoints.observability.reports import Card, encode_card
from asyncendpoints.stores.base import SLOT_MS, Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE = "boom \x1b[31m\r\n\u202e\x07<script>"


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty store, of each kind that processes share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    base: str = request.getfixturevalue("redis_url" if request.param == "redis" else "postgres_url")
    mark = "&" if "?" in base else "?"
    yield f"{base}{mark}namespace=cli-{secrets.token_hex(6)}"


class Scene:
    """What an application has done with the store before somebody looks."""

    def __init__(self, url: str) -> None:
        self.url = url
        asyncio.run(self._play())

    async def _play(self) -> None:
        jobs = AsyncEndpoints(self.url)

        @jobs.handler("fail", retry=Retry(max_attempts=1))
        async def fail() -> None:
            raise RuntimeError(HOSTILE)

        jobs.handler("build", queue="reports")(lambda: 7)
        async with jobs:
            failed = await jobs.submit("fail", owner="me", idempotency_key="my-key")
            done = await jobs.submit("build")
            await jobs.wait(failed.job.job_id, 30)
            await jobs.wait(done.job.job_id, 30)
        self.failed, self.done = failed.job.job_id, done.job.job_id
        jobs = AsyncEndpoints(self.url, worker=False)
        jobs.handler("build", queue="reports")(lambda: 7)
        jobs.handler("later")(lambda: 7)
        async with jobs:
            self.waiting = (await jobs.submit("build")).job.job_id
            self.later = (await jobs.submit("later", delay=3600)).job.job_id


@pytest.fixture
def scene(url: str) -> Scene:
    return Scene(url)


class Said:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = cli.main(arguments)
        return Said(code, *capsys.readouterr())

    return run


def test_jobs_are_listed_newest_first_by_every_filter(scene: Scene, say: Any) -> None:
    """As a table whose lines nobody can forge, or as a document of job resources."""

    def ids(*options: str) -> list[str]:
        said = say("jobs", "list", scene.url, "--json", *options)
        assert said.code == 0
        return [job["jobId"] for job in said.document["jobs"]]

    assert ids() == [scene.later, scene.waiting, scene.done, scene.failed]
    assert ids("--state", "failed") == [scene.failed]
    assert ids("--endpoint", "build") == [scene.waiting, scene.done]
    assert ids("--endpoint", "build", "--state", "completed") == [scene.done]
    assert ids("--queue", "default") == [scene.later, scene.failed]
    assert ids("--owner", "me") == [scene.failed]
    assert ids("--request-id", "my-key") == [scene.failed]
    assert ids("--since", "1h") == ids()
    assert ids("--before", "1h") == []
    assert ids("--before", "2999-01-01") == ids()
    table = say("jobs", "list", scene.url).out
    lines = table.splitlines()
    assert lines[0].split() == ["JOB", "STATUS", "ENDPOINT", "QUEUE", "ATTEMPT", "CREATED", "ERROR"]
    assert [line.split()[0] for line in lines[1:]] == ids()
    assert len({line.index("QUEUE") for line in lines[:1]} | {lines[1].index("default")}) == 1
    assert "\x1b" not in table
    assert "\\x1b[31m\\r\\n\\u202e\\x07<script>" in table
    assert say("jobs", "list", scene.url, "--queue", "nobody").out == "There are no such jobs.\n"


def test_a_listing_goes_on_where_it_ended(scene: Scene, say: Any) -> None:
    """With its cursor, until there is none."""
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        document = say("jobs", "list", scene.url, "--json", "--limit", "3", *cursor).document
        assert len(document["jobs"]) <= 3
        seen += [job["jobId"] for job in document["jobs"]]
        if document["cursor"] is None:
            break
        cursor = ["--cursor", document["cursor"]]
    assert seen == [scene.later, scene.waiting, scene.done, scene.failed]
    assert "More with --cursor " in say("jobs", "list", scene.url, "--limit", "1").out


def test_a_job_is_shown_with_its_attempts(scene: Scene, say: Any) -> None:
    """Its document is the job resource without URLs, with its queue and reasons; its payload is not shown."""
    said = say("jobs", "show", scene.url, scene.failed)
    assert said.code == 0
    assert "\x1b" not in said.out
    for part in (
        f"Job {scene.failed}\n",
        "  idempotency key    my-key\n",
        "  attempt            1 of 1\n",
        "RuntimeError: boom \\x1b",
    ):
        assert part in said.out
    assert [line.split()[0] for line in said.out.split("Attempts\n")[1].splitlines()] == ["RUN", "1"]
    document = say("jobs", "show", scene.url, scene.failed, "--json").document
    assert (document["status"], document["queue"], document["owner"]) == ("failed", "default", "me")
    assert document["attempts"][0]["outcome"] == "error"
    assert document["error"]["detail"] == f"RuntimeError: {HOSTILE}"
    assert [reason["word"] for reason in document["reasons"]] == ["ended"]
    assert "statusUrl" not in document


def test_a_waiting_job_is_shown_with_why_it_waits(scene: Scene, say: Any) -> None:
    """For people and for programs."""

    def words(job_id: str) -> list[str]:
        return [each["word"] for each in say("jobs", "show", scene.url, job_id, "--json").document["reasons"]]

    assert words(scene.waiting) == ["no_process"]
    assert words(scene.later)[0] == "scheduled"
    told = say("jobs", "show", scene.url, scene.waiting).out
    assert "Why it is not running\n  No live process works on its queue reports" in told
    say("queues", "pause", scene.url, "reports")
    assert words(scene.waiting) == ["paused", "no_process"]
    say("queues", "resume", scene.url, "reports")
    asyncio.run(_report(scene.url))
    assert words(scene.waiting)[0] in {"just_submitted", "next"}


def test_what_does_not_exist_has_an_exit_code_of_its_own(scene: Scene, say: Any) -> None:
    """5, whatever the command; what is refused has 6, and what is done 0."""
    nobody = new_job_id()
    shown = say("jobs", "show", scene.url, nobody)
    assert (shown.code, shown.out) == (5, "")
    assert nobody in shown.err
    assert say("jobs", "show", scene.url, "no-id").code == 5
    assert say("jobs", "cancel", scene.url, nobody).code == 5
    assert say("jobs", "redrive", scene.url, nobody).code == 5
    assert say("jobs", "cancel", scene.url, scene.done).code == 6
    assert say("jobs", "redrive", scene.url, scene.done).code == 6
    assert say("jobs", "cancel", scene.url, scene.done, nobody, scene.waiting).code == 5


def test_jobs_are_canceled(scene: Scene, say: Any) -> None:
    """And what became of each is told, with how many were affected."""
    said = say("jobs", "cancel", scene.url, scene.waiting, scene.waiting, scene.later, "--json")
    assert said.code == 0
    assert said.document == {
        "affected": 2,
        "jobs": [
            {"jobId": scene.waiting, "outcome": "canceled", "newJobId": None},
            {"jobId": scene.later, "outcome": "canceled", "newJobId": None},
        ],
    }
    again = say("jobs", "cancel", scene.url, scene.waiting)
    assert again.code == 0
    assert "was canceled already" in again.out
    assert again.out.endswith("0 jobs affected.\n")


def test_a_failed_job_is_redriven(scene: Scene, say: Any) -> None:
    """A new job repeats it."""
    said = say("jobs", "redrive", scene.url, scene.failed, "--json")
    assert said.code == 0
    (one,) = said.document["jobs"]
    document = say("jobs", "show", scene.url, one["newJobId"], "--json").document
    assert (document["redriveOf"], document["endpoint"]) == (scene.failed, "fail")


def test_all_failed_jobs_are_redriven_once_and_only_after_a_yes(scene: Scene, say: Any) -> None:
    """Without `--yes` their number is told; a second time there are none left."""
    some = ("jobs", "redrive", scene.url, "--failed", "--endpoint", "fail")
    asked = say(*some)
    assert (asked.code, asked.out) == (6, "1 job would be redriven; say --yes to do it.\n")
    assert say("jobs", "redrive", scene.url, "--failed", "--endpoint", "build", "--yes").out == "0 jobs affected.\n"
    assert say(*some, "--before", "1h", "--yes").out == "0 jobs affected.\n"
    assert say(*some, "--yes").out.endswith("1 job affected.\n")
    assert (say(*some, "--yes").out, say(*some).code) == ("0 jobs affected.\n", 0)
    assert say("jobs", "redrive", scene.url).code == 2
    assert say("jobs", "redrive", scene.url, scene.failed, "--failed").code == 2


def test_whoever_redrives_all_failed_jobs_elsewhere_at_the_same_time_makes_no_second_job(
    scene: Scene, say: Any
) -> None:
    """The command and the dashboard make one and the same new job."""
    said = say("jobs", "redrive", scene.url, "--failed", "--yes", "--json")
    (one,) = said.document["jobs"]

    async def elsewhere() -> tuple[set[str], int]:
        engine = AsyncEndpoints(scene.url, worker=False).engine
        async with asyncio.timeout(30):
            await engine.store.open()
            failed = await engine.get(scene.failed)
            made = await asyncio.gather(*(engine.redrive(scene.failed, once=True) for _ in range(3)))
            kind = kind_of(failed.error).fingerprint
            step = await redrive_some(engine, kind, before=failed.created_at + 1, cursor=None)
            await engine.store.close()
        return {job.job_id for job in made}, step.count

    assert asyncio.run(elsewhere()) == ({one["newJobId"]}, 0)


async def _report(url: str) -> None:
    """Tell of a process that works on two queues."""
    store = AsyncEndpoints(url, worker=False).engine.store
    await store.open()
    now = (await signs_of(store)).now
    card = Card(
        host="box\x1b[2J",
        pid=7,
        version="1",
        python="3",
        started_at=now,
        worker="worker-a",
        queues=["reports", "idle"],
        handlers=["build"],
        slots=10,
        busy=3,
    )
    await store.report(Report(process="a", card=encode_card(card), slot=now // SLOT_MS, history=None))
    await store.close()


def test_queues_are_shown_with_their_jobs_and_processes(scene: Scene, say: Any) -> None:
    """Those that only a process works on as well."""
    asyncio.run(_report(scene.url))
    said = say("queues", scene.url)
    assert said.code == 0
    rows = {line.split()[0]: line.split() for line in said.out.splitlines()}
    assert rows["QUEUE"][:4] == ["QUEUE", "PAUSED", "SCHEDULED", "QUEUED"]
    assert rows["default"][1:8] == ["no", "1", "0", "0", "0", "1", "0"]
    assert rows["reports"][1:8] == ["no", "0", "1", "0", "1", "0", "0"]
    assert rows["reports"][-2:] == ["1", "3/10"]
    assert rows["idle"][-2:] == ["1", "3/10"]
    queues = {queue["name"]: queue for queue in say("queues", "list", scene.url, "--json").document["queues"]}
    assert queues["reports"]["counts"]["completed"] == 1
    assert queues["reports"]["oldestReadyAt"] is not None
    assert queues["reports"]["processes"][0]["pid"] == 7
    assert (queues["default"]["processes"], queues["default"]["paused"]) == ([], False)


def test_a_queue_is_paused_and_resumed(scene: Scene, say: Any) -> None:
    """A second time changes nothing, and says so."""
    assert say("queues", "pause", scene.url, "reports").out == "Queue reports is paused.\n"
    assert say("queues", "pause", scene.url, "reports").out == "Queue reports was paused already.\n"
    (reports,) = [each for each in say("queues", scene.url, "--json").document["queues"] if each["name"] == "reports"]
    assert reports["paused"]
    assert say("queues", "resume", scene.url, "reports", "--json").document == {
        "name": "reports",
        "paused": False,
        "changed": True,
    }
    assert say("queues", "pause", scene.url, "no such queue").code == 2
