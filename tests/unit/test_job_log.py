"""Each step of a job's life is one record with fields that programs can read, as text or as a line of JSON."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import Fixed, JobContext, JobError, Retry
from asyncendpoints.observability.json_lines import JsonFormatter
from asyncendpoints.observability.logging import install_record_factory
from tests.support.running import ended, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("job_id", "request_id", "endpoint", "queue", "attempt", "outcome")


@pytest.fixture(autouse=True)
def _own_factory(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    caplog.set_level(logging.DEBUG, "asyncendpoints")
    yield
    logging.setLogRecordFactory(factory)


def steps(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    """Return the level and the fields of each record about a job."""
    return [
        (record.levelname, {name: vars(record).get(name) for name in FIELDS})
        for record in caplog.records
        if record.name == "asyncendpoints.job"
    ]


async def test_each_step_is_a_record_with_the_same_fields(caplog: pytest.LogCaptureFixture) -> None:
    """Submitted, started and repeated are DEBUG, an end is INFO; fields say whose step it is."""
    async with running() as jobs:

        @jobs.handler("report", queue="reports")
        async def report(job: JobContext[int]) -> None:
            logging.getLogger("asyncendpoints.job").debug("the handler's own line")

        job = await ended(jobs, "report", 1, idempotency_key="key-1")
        await jobs.submit("report", 1, idempotency_key="key-1")
    about = {"job_id": job.job_id, "request_id": "key-1", "endpoint": "report", "queue": "reports"}
    assert steps(caplog) == [
        ("DEBUG", {**about, "attempt": None, "outcome": None}),
        ("DEBUG", {**about, "attempt": 1, "outcome": None}),
        ("DEBUG", {**about, "attempt": 1, "outcome": None}),
        ("INFO", {**about, "attempt": 1, "outcome": "completed"}),
        ("DEBUG", {**about, "attempt": None, "outcome": None}),
    ]


async def test_the_end_of_a_run_says_how_long_it_took_and_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    """An attempt that is repeated is INFO, a failure WARNING; the duration is the handler's, in seconds."""
    async with running() as jobs:

        @jobs.handler(retry=Retry(2, backoff=Fixed(0.0)))
        async def work(job: JobContext[bool]) -> None:
            raise JobError("No", retryable=True)

        await ended(jobs, work, True)
    ends = [record for record in caplog.records if getattr(record, "duration", None) is not None]
    assert [(record.levelname, vars(record)["outcome"], vars(record)["attempt"]) for record in ends] == [
        ("INFO", "error", 1),
        ("WARNING", "error", 2),
    ]
    assert all(0 <= vars(record)["duration"] < 10 for record in ends)


async def test_a_cancel_and_a_redrive_are_steps(caplog: pytest.LogCaptureFixture) -> None:
    """Who reads the log sees what was asked for, and what came of it."""
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work() -> None:
            raise JobError("No")

        waiting = await jobs.submit(work, delay=3600.0)
        await jobs.cancel(waiting.job.job_id)
        failed = await ended(jobs, work)
        again = await jobs.redrive(failed.job_id)
        await until(lambda: any("starts" in line for line in caplog.messages if again.job_id in line))
    assert f"job {waiting.job.job_id} (work) canceled before it ran" in caplog.messages
    assert f"job {failed.job_id} (work) is repeated as job {again.job_id}" in caplog.messages


def formatted(level: int = logging.INFO, message: str = "m", *arguments: object, **options: Any) -> dict[str, Any]:
    """Return what the formatter makes of a record."""
    record = logging.getLogger("x").makeRecord(
        "x", level, "f", 1, message, arguments, options.pop("exc", None), **options
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_record_is_a_line_of_json() -> None:
    """Members that the record has not are left out; a message cannot break the line."""
    line = formatted(message="a\nb %s", extra={"job_id": "j", "attempt": 2, "customer": 7})
    assert line.pop("time").endswith("Z")
    assert line == {"level": "INFO", "logger": "x", "message": "a\nb %s", "job_id": "j", "attempt": 2, "customer": 7}


def test_whatever_is_logged_makes_a_line() -> None:
    """What JSON cannot say is said as text; names that the line uses itself stay the line's."""

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

    circle: list[Any] = []
    circle.append(circle)
    line = formatted(extra={"a": {1, 2}, "b": float("nan"), "c": Mute(), "d": circle, "level": "mine"})
    assert (line["a"], line["b"], line["c"], line["d"]) == ("{1, 2}", "nan", "<Mute>", "[[...]]")
    assert line["level"] == "INFO"


def test_a_traceback_is_a_member() -> None:
    """Its line breaks are escaped."""
    try:
        raise ValueError("why\nnot")
    except ValueError as error:
        line = formatted(logging.ERROR, exc=(ValueError, error, error.__traceback__))
    assert line["traceback"].endswith("ValueError: why\nnot")


def test_the_fields_of_a_running_job_are_on_every_record_of_the_process() -> None:
    """A format may name them all, outside of jobs, too."""
    install_record_factory()
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "m", (), None)
    text = "%(job_id)s %(request_id)s %(endpoint)s %(queue)s %(attempt)s"
    assert logging.Formatter(text).format(record) == "None None None None None"
