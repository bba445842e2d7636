"""Whatever an error does when it is looked at, its job fails at once and the worker goes on."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from asyncendpoints import ConfigurationError, JobError, Retry, ValidationFailed
from asyncendpoints.failures import ERROR_LIMIT, raised
from asyncendpoints.observability.tracebacks import summary
from asyncendpoints.problem_types import HANDLER_FAILED
from tests.support.running import ended, outcomes, problem, running

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE = Retry(max_attempts=1)


class Exits(Exception):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


class Unprepared(JobError):
    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)


class Hostile(JobError):
    @property
    def retryable(self) -> bool:  # type: ignore[override]
        raise KeyboardInterrupt

    @retryable.setter
    def retryable(self, value: bool) -> None:
        pass


class Odd(JobError):
    def __init__(self) -> None:
        super().__init__("odd")
        self.status = "none"  # type: ignore[assignment]
        self.extensions = None  # type: ignore[assignment]


async def failed(error: BaseException) -> dict[str, Any]:
    """Run a handler that raises this, see that another one runs afterwards, and return the first one's problem."""
    async with running() as jobs:

        @jobs.handler(retry=ONCE)
        async def handler() -> None:
            raise error

        @jobs.handler
        async def after() -> str:
            return "alive"

        job = await ended(jobs, handler)
        assert (job.state, outcomes(job)) == ("failed", ["error"])
        assert (await ended(jobs, after)).state == "completed"
        return problem(job)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (JobError("Payment failed", detail=ValueError("declined")), {"title": "Payment failed", "detail": "declined"}),  # type: ignore[arg-type]
        (JobError(ValueError("declined")), {"title": "declined"}),  # type: ignore[arg-type]
        (JobError("No", type=7), {"type": "7"}),  # type: ignore[arg-type]
        (Unprepared("declined"), {"title": "Unprepared: declined", "status": 500, "type": "about:blank"}),
        (Odd(), {"title": "odd", "status": 500}),
        (ValidationFailed([{"msg": "\ud800"}]), {"errors": [{"msg": "\\ud800"}]}),
        (ValidationFailed([{"loc": ("a", 1), "input": object}]), {"errors": [{"loc": ["a", 1], "input": str(object)}]}),
        (JobError("bad", extensions={"x": Exits(SystemExit())}), {"type": HANDLER_FAILED.uri}),
        (JobError("bad", extensions={"x": Exits(ValueError())}), {"title": "bad"}),
        (Hostile("bad"), {"type": HANDLER_FAILED.uri}),
    ],
)
async def test_an_error_that_is_not_as_it_should_be_is_told_as_well_as_can_be(
    error: BaseException, expected: dict[str, Any]
) -> None:
    """Members of a wrong type become text or fall back; none of them costs the outcome."""
    problem = await failed(error)
    assert {name: problem[name] for name in expected} == expected


@pytest.mark.parametrize("inner", [SystemExit(3), KeyboardInterrupt(), RuntimeError("no")])
async def test_a_message_that_cannot_be_shown_hides_nothing_else(inner: BaseException) -> None:
    """`__str__` may raise even what ends a process; the class is told all the same."""
    assert summary(Exits(inner)) == "Exits: (its message cannot be shown)"
    assert (await failed(Exits(inner)))["detail"] == "Exits: (its message cannot be shown)"


@pytest.mark.parametrize("status", ["404", 404.5, None])
def test_a_status_that_is_not_a_whole_number_is_refused_where_it_is_written(status: Any) -> None:
    """The mistake is a `ConfigurationError` that shows the value."""
    with pytest.raises(ConfigurationError, match=f"not {status!r}"):
        JobError("bad", status=status)


def test_field_errors_without_end_fail_within_the_caller() -> None:
    """What `raised` cannot describe it says by raising, and the run falls back."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        raised(ValidationFailed([{"ctx": endless}]), expose_errors=True, expose_tracebacks=False)


@pytest.fixture
def broken_log() -> Iterator[None]:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    handler = Broken(logging.WARNING)  # what starts and ends may be told; what goes wrong may not
    logger = logging.getLogger("asyncendpoints")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


@pytest.mark.usefixtures("broken_log")
async def test_a_log_handler_that_raises_costs_no_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    """Two failing jobs are settled one after the other, and standard error tells what the log could not."""
    first = await failed(ValueError("boom"))
    assert json.loads(json.dumps(first))["detail"] == "ValueError: boom"
    assert "disk full" in capsys.readouterr().err


async def test_a_report_that_raises_does_not_end_the_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends of other runs are written although whoever was told of the last ones raised."""

    def tell(*_: object) -> None:
        raise SystemExit(4)

    monkeypatch.setattr("asyncendpoints.worker.log_end", tell)
    assert (await failed(ValueError("first")))["detail"] == "ValueError: first"


@pytest.mark.parametrize("unit", ["x", "\n", "\x01", "€", "a\n"])
async def test_a_long_message_keeps_as_much_as_fits(unit: str) -> None:
    """However its characters are escaped, the stored problem is nearly as large as it may be."""
    outcome = raised(ValueError(unit * 600_000), expose_errors=True, expose_tracebacks=False)
    assert outcome.error is not None
    assert ERROR_LIMIT - 8 <= len(outcome.error) <= ERROR_LIMIT
    assert json.loads(outcome.error)["detail"].startswith("ValueError: " + unit)
