"""Every record about a job names it, and nothing that a client sends can forge a line."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import TYPE_CHECKING

import pytest

from asyncendpoints import JobContext, JobError, Retry
from asyncendpoints.observability.logging import JobRecordFactory, install_record_factory, printable
from tests.support.running import ended, running

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("myapp")


@pytest.fixture(autouse=True)
def _own_factory(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let each test find the factory as Python makes it, and put back what was there."""
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    caplog.set_level(logging.INFO)
    yield
    logging.setLogRecordFactory(factory)


def named(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """Return the job and the request that a record names."""
    return vars(record)["job_id"], vars(record)["request_id"]


async def test_a_handlers_own_lines_name_their_job(caplog: pytest.LogCaptureFixture) -> None:
    """On the loop and in threads, wherever in the call tree; outside of jobs the attributes are None."""
    async with running() as jobs:

        @jobs.handler
        async def on_loop() -> None:
            log.info("at work")

        @jobs.handler
        def in_thread() -> None:
            log.info("at work")

        for handler in (on_loop, in_thread):
            job = await ended(jobs, handler, idempotency_key="key-1")
            (record,) = [record for record in caplog.records if record.name == "myapp"]
            assert named(record) == (job.job_id, "key-1")
            caplog.clear()
        log.info("at rest")
        assert named(caplog.records[-1]) == (None, None)


async def test_the_end_of_a_job_is_one_line_that_names_it(caplog: pytest.LogCaptureFixture) -> None:
    """INFO for a good end, WARNING for a failure."""
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work(job: JobContext[bool]) -> None:
            if job.payload:
                raise JobError("No")

        for payload, level, what in (
            (False, logging.INFO, "completed"),
            (True, logging.WARNING, "failed: JobError: No"),
        ):
            caplog.clear()
            job = await ended(jobs, work, payload, idempotency_key=f"key-{payload}")
            (record,) = [record for record in caplog.records if record.name == "asyncendpoints.job"]
            assert (record.levelno, *named(record)) == (level, job.job_id, f"key-{payload}")
            assert what in record.getMessage()
            assert "\n" not in record.getMessage()


async def test_a_handlers_exception_shows_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """The frames of the handler and the chain of causes, without the library's own."""

    def deeper() -> None:
        raise KeyError("cause")

    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work() -> None:
            try:
                deeper()
            except KeyError as error:
                raise ExceptionGroup("several", [ValueError("effect")]) from error

        job = await ended(jobs, work)
        (record,) = [record for record in caplog.records if "raised in attempt 1" in record.getMessage()]
        text = record.getMessage()
        assert named(record) == (job.job_id, None)
        for part in ("in deeper", "KeyError: 'cause'", "direct cause", "ExceptionGroup: several", "ValueError: effect"):
            assert part in text
        assert "asyncendpoints/" not in text


@pytest.mark.parametrize(
    "sign", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x1b[2K", "\x00", "\x85", "\u202e", "\ud800"]
)
async def test_what_a_client_sends_cannot_forge_a_line(caplog: pytest.LogCaptureFixture, sign: str) -> None:
    """Whatever ends a line, moves a cursor or turns the writing round is shown escaped."""
    text = f"boom{sign}INFO forged"
    async with running() as jobs:

        @jobs.handler(retry=Retry(1))
        async def work(job: JobContext[int]) -> None:
            raise (ValueError if job.payload == 1 else JobError)(text)

        await ended(jobs, work, 1)
        await ended(jobs, work, 2)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("asyncendpoints")]
    assert any("forged" in message for message in ours)
    for message in ours:
        assert sign not in message.replace("\n    ", "") or sign == "\n"
        assert not any(line.startswith("INFO forged") for line in message.splitlines())


def test_text_is_shown_as_it_is_where_it_can_be() -> None:
    """Only what is not printable is escaped; very long text is cut."""
    assert printable("Grüße, 世界 ✓") == "Grüße, 世界 ✓"
    assert printable("a\tb\x07") == "a\\tb\\x07"
    assert printable("x" * 5000) == "x" * 2000 + "…"


def test_users_may_name_the_attributes_themselves() -> None:
    """`extra` with our names goes on working: what the user gives replaces ours; other clashes stay errors."""
    install_record_factory()
    logger = logging.getLogger("clash")
    record = logger.makeRecord("clash", logging.INFO, "f", 1, "m", (), None, extra={"job_id": "x", "other": 1})
    assert (vars(record)["job_id"], vars(record)["request_id"], vars(record)["other"]) == ("x", None, 1)
    assert logging.Formatter("%(job_id)s %(request_id)s").format(record) == "x None"
    with pytest.raises(KeyError):
        logger.makeRecord("clash", logging.INFO, "f", 1, "m", (), None, extra={"message": "x"})


def test_records_can_be_copied_and_sent() -> None:
    """Handlers that copy or pickle records keep the attributes."""
    install_record_factory()
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "m", (), None, extra={"job_id": "j"})
    assert named(copy.copy(record)) == ("j", None)
    assert named(pickle.loads(pickle.dumps(record))) == ("j", None)
    assert dict(vars(record))["job_id"] == "j"


def test_the_factory_is_chained_once_and_after_the_users_own() -> None:
    """The user's factory goes on making the records."""

    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    install_record_factory()
    install_record_factory()
    factory = logging.getLogRecordFactory()
    assert isinstance(factory, JobRecordFactory)
    assert factory.previous is Own
    assert isinstance(logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "m", (), None), Own)
