"""Every way in which a handler can end, and what becomes of its job; none of them takes the worker down."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn

import pytest

from asyncendpoints import (
    AsyncEndpoints,
    ConfigurationError,
    Fixed,
    JobContext,
    JobError,
    MalformedPayload,
    Result,
    Retry,
    StoredRequest,
    ValidationFailed,
)
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.failures import ERROR_LIMIT
from asyncendpoints.problem_types import PROBLEM_BASE
from asyncendpoints.request import encode_request
from asyncendpoints.result import decode_meta
from tests.support.running import PATIENCE, ended, outcomes, problem, running

ONCE = Retry(max_attempts=1)
TWICE = Retry(max_attempts=2, backoff=Fixed(0))


async def returns(value: Any, **settings: Any) -> Any:
    """Run a handler that returns this, and return its job."""
    async with running(**settings) as jobs:

        @jobs.handler
        async def handler() -> Any:
            return value

        return await ended(jobs, handler)


async def raises(error: BaseException, *, threaded: bool = False, **settings: Any) -> Any:
    """Run a handler that raises this, and return its job; the worker runs another one afterwards."""
    async with running(**settings) as jobs:

        @jobs.handler(retry=TWICE)
        async def handler() -> NoReturn:
            raise error

        @jobs.handler(retry=TWICE)
        def in_thread() -> NoReturn:
            raise error

        @jobs.handler
        async def after() -> str:
            return "alive"

        job = await ended(jobs, in_thread if threaded else handler)
        assert (await ended(jobs, after)).result == b'"alive"'
        return job


async def test_what_a_handler_returns_is_the_result() -> None:
    """A value is written as JSON, None as nothing."""
    job = await returns({"a": [1, None]})
    assert (job.state, job.result, job.result_meta, outcomes(job)) == (
        "completed", b'{"a":[1,null]}', None, ["completed"],
    )  # fmt: skip
    job = await returns(None)
    assert (job.state, job.result, job.result_meta) == ("completed", None, None)


@pytest.mark.parametrize(
    ("result", "body", "status", "media_type", "headers"),
    [
        (Result({"a": 1}), b'{"a":1}', 200, "application/json", []),
        (Result("text", 201), b"text", 201, "text/plain; charset=utf-8", []),
        (Result(b"\xff"), b"\xff", 200, "application/octet-stream", []),
        (Result(None, 204), None, 204, None, []),
        (Result("a,b", 200, {"X-Rows": "1"}, "text/csv"), b"a,b", 200, "text/csv", [("x-rows", "1")]),
    ],
)
async def test_a_result_says_how_it_is_presented(
    result: Result, body: bytes | None, status: int, media_type: str | None, headers: list[tuple[str, str]]
) -> None:
    """`Result` keeps status, headers and media type; bytes and strings are stored as they are."""
    job = await returns(result)
    assert (job.state, job.result) == ("completed", body)
    meta = decode_meta(job.result_meta)
    assert (meta.status_code, meta.media_type, meta.headers) == (status, media_type, headers)


@pytest.mark.parametrize("value", [object(), Result(object()), Result("\ud800"), {"a": {1, object()}}])
async def test_a_result_that_cannot_be_written_fails_the_job_at_once(value: Any) -> None:
    """It is not retried: it would not be writable next time either."""
    job = await returns(value)
    assert (job.state, outcomes(job)) == ("failed", ["error"])
    assert problem(job)["type"] == PROBLEM_BASE + "result-not-serializable"
    assert problem(job)["status"] == 500


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"X-Count": 5}},
        {"headers": {5: "x"}},
        {"headers": {"X-Text": "\ud800"}},
        {"headers": {"X-Text": "€"}},
        {"headers": {"X-Text": "a\r\nSet-Cookie: b"}},
        {"headers": {"X Text": "a"}},
        {"media_type": 5},
        {"media_type": "text/plain\n"},
    ],
)
async def test_a_result_that_could_not_be_presented_fails_the_job_at_once(given: dict[str, Any]) -> None:
    """What HTTP cannot send is refused with the result, not when a client asks for it."""
    job = await returns(Result({"a": 1}, **given))
    assert (job.state, outcomes(job)) == ("failed", ["error"])
    assert problem(job)["type"] == PROBLEM_BASE + "result-not-serializable"
    assert "a Result's" in problem(job)["detail"]


async def test_a_result_is_checked_as_it_is_when_it_is_returned() -> None:
    """A status that was set later is not stored either, and one that is no number is refused when it is made."""
    result = Result(1)
    result.status_code = 404
    assert problem(await returns(result))["type"] == PROBLEM_BASE + "result-not-serializable"
    for wrong in ("200", 200.5, True):
        with pytest.raises(ConfigurationError, match="status_code"):
            Result(1, wrong)  # type: ignore[arg-type]


async def test_a_result_over_the_limit_fails_the_job_at_once() -> None:
    """`max_result_bytes` bounds what is stored."""
    assert (await returns("x" * 98, max_result_bytes=100)).state == "completed"
    job = await returns("x" * 99, max_result_bytes=100)
    assert (job.state, outcomes(job)) == ("failed", ["error"])
    assert "101 bytes" in problem(job)["detail"]


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (KeyError(), "KeyError"),
        (BaseException("base"), "BaseException: base"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit("gone"), "GeneratorExit: gone"),
        (asyncio.CancelledError("by itself"), "CancelledError: by itself"),
        (ExceptionGroup("many", [ValueError("a")]), "ExceptionGroup: many (1 sub-exception)"),
        (MemoryError(), "MemoryError"),
        (RecursionError("deep"), "RecursionError: deep"),
        (TimeoutError("its own"), "TimeoutError: its own"),
    ],
)
async def test_whatever_a_handler_raises_is_an_error_and_is_retried(
    error: BaseException, detail: str, threaded: bool
) -> None:
    """The worker lives, the attempt counts, and the last error stays with the job."""
    job = await raises(error, threaded=threaded)
    assert (job.state, outcomes(job)) == ("failed", ["error", "error"])
    assert problem(job) == {
        "type": PROBLEM_BASE + "handler-failed", "title": "The handler failed", "status": 500, "detail": detail,
    }  # fmt: skip


@pytest.mark.parametrize("threaded", [False, True])
async def test_stop_iteration_is_an_error_too(threaded: bool) -> None:
    """Python turns it into a RuntimeError where it would end a coroutine."""
    job = await raises(StopIteration("x"), threaded=threaded)
    assert (job.state, outcomes(job)) == ("failed", ["error", "error"])
    assert "StopIteration" in problem(job)["detail"]


async def test_an_exception_that_cannot_be_shown_is_an_error_all_the_same() -> None:
    """An exception's own defects do not hide it."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert problem(await raises(Unspeakable()))["detail"] == "Unspeakable: (its message cannot be shown)"


async def test_a_job_error_fails_the_job_with_its_own_problem() -> None:
    """`JobError` chooses type, title, status, detail and further members, and is not retried."""
    error = JobError("No stock", status=422, detail="try tomorrow", type="urn:stock", extensions={"left": 0})
    job = await raises(error)
    assert outcomes(job) == ["error"]
    assert problem(job) == {
        "type": "urn:stock", "title": "No stock", "status": 422, "detail": "try tomorrow", "left": 0,
    }  # fmt: skip


async def test_a_retryable_job_error_is_retried() -> None:
    """`retryable=True` makes it an ordinary failure with words of its own."""
    job = await raises(JobError("Busy", status=503, retryable=True))
    assert outcomes(job) == ["error", "error"]
    assert problem(job) == {"type": "about:blank", "title": "Busy", "status": 503}


async def test_extensions_cannot_spoil_a_problem() -> None:
    """They neither replace the standard members nor have to be JSON."""
    job = await raises(JobError("T", detail="d", extensions={"title": "x", "status": 200, "n": {1, 2}}))
    assert problem(job) == {"n": [1, 2], "type": "about:blank", "title": "T", "status": 500, "detail": "d"}
    job = await raises(JobError("T", extensions={"bad": "\ud800"}))
    assert problem(job) == {"type": "about:blank", "title": "T", "status": 500}


@pytest.mark.parametrize("text", ["x" * 10_000, "é\n" * 5000, '"\\' * 5000, "\U0001f600" * 3000, "\ud800" * 3000])
async def test_a_long_error_is_cut_at_a_character(text: str) -> None:
    """A problem object is at most 4 KiB of valid JSON, whatever a message is made of."""
    for error in (
        ValueError(text),
        JobError(text, detail=text),
        JobError("t", detail=text, type=text, extensions={"a": text}),
    ):
        job = await raises(error)
        assert len(job.error) <= ERROR_LIMIT
        shown = problem(job)
        assert shown["truncated"] is True
        assert shown["status"] == 500


async def test_errors_can_be_kept_from_clients() -> None:
    """`expose_errors=False` hides the text of exceptions, and not that of a JobError."""
    assert "detail" not in problem(await raises(ValueError("secret"), expose_errors=False))
    assert problem(await raises(JobError("said", detail="aloud"), expose_errors=False))["detail"] == "aloud"


async def test_tracebacks_are_shown_only_where_switched_on() -> None:
    """`expose_tracebacks` adds the handler's frames."""
    assert "traceback" not in problem(await raises(ValueError("boom")))
    shown = problem(await raises(ValueError("boom"), expose_tracebacks=True))["traceback"]
    assert "raise error" in shown
    assert "asyncendpoints/" not in shown


@pytest.mark.parametrize(
    "error", [ValidationFailed([{"loc": ["body"], "msg": "wrong", "type": "x"}]), MalformedPayload("wrong")]
)
async def test_invalid_input_is_not_retried(error: Exception) -> None:
    """What does not fit will not fit next time."""
    job = await raises(error)
    assert (job.state, outcomes(job)) == ("failed", ["error"])
    assert "wrong" in problem(job)["detail"]


async def store_raw(jobs: AsyncEndpoints, handler: str, **fields: Any) -> Any:
    """Store a job as an older release, or somebody else, might have left it."""
    job_id = new_job_id()
    await jobs.engine.store.enqueue([NewJob(job_id=job_id, handler=handler, **fields)])
    return await jobs.wait(job_id, PATIENCE)


async def test_a_job_whose_handler_is_gone_fails_visibly() -> None:
    """The job fails with `handler-unknown`, at once, and the worker goes on."""
    async with running() as jobs:
        jobs.handler("here")(lambda: 1)
        job = await store_raw(jobs, "gone")
        assert (job.state, outcomes(job)) == ("failed", ["error"])
        assert problem(job)["type"] == PROBLEM_BASE + "handler-unknown"
        assert "'gone'" in problem(job)["detail"]
        assert (await ended(jobs, "here")).state == "completed"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"request": b"\xc1 not msgpack", "payload": b"1"}, "the stored request cannot be read"),
        ({"payload": b"not json"}, "MalformedPayload"),
        ({"payload": b'"text"'}, "ValidationFailed"),
        ({}, "ValidationFailed"),
    ],
)
async def test_a_stored_job_that_cannot_be_read_fails_visibly(fields: dict[str, Any], what: str) -> None:
    """A corrupt or outdated record fails its job without a retry, before the handler begins."""
    begun: list[str] = []
    async with running() as jobs:

        @jobs.handler
        async def handler(job: JobContext[int]) -> None:
            begun.append(job.job_id)

        job = await store_raw(jobs, "handler", **fields)
        assert (job.state, outcomes(job), begun) == ("failed", ["error"], [])
        assert what in problem(job)["detail"]


class Arguments:
    """Gives a handler its parameters as an HTTP adapter would."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.closed_with: list[BaseException | None] = []

    async def resolve(self, context: Any, request: Any, payload: Any, stack: Any) -> Any:
        async def close(kind: Any, error: BaseException | None, trace: Any) -> None:
            self.closed_with.append(error)

        stack.push_async_exit(close)
        if self.error is not None:
            raise self.error
        return (request.method,), {"payload": json.loads(payload)}

    async def prepare(self, *arguments: Any, **more: Any) -> Any:
        raise NotImplementedError


async def with_arguments(source: Arguments, function: Any) -> Any:
    """Run a handler whose arguments come from this source."""
    from asyncendpoints.policy import Policy
    from asyncendpoints.registry import Handler

    async with running() as jobs:
        jobs.registry.add(Handler("f", function, Policy(retry=TWICE), arguments=source))
        return await store_raw(
            jobs, "f", max_attempts=2, payload=b"[1]", request=encode_request(StoredRequest(method="PUT"))
        )


async def test_a_handler_may_get_its_arguments_from_elsewhere() -> None:
    """Positional and keyword arguments are passed on; what they opened is closed after the handler."""

    async def on_loop(method: str, *, payload: list[int]) -> Any:
        return [method, payload]

    def in_thread(method: str, *, payload: list[int]) -> Any:
        return [method, payload]

    for function in (on_loop, in_thread):
        source = Arguments()
        job = await with_arguments(source, function)
        assert (job.result, source.closed_with) == (b'["PUT",[1]]', [None])


async def test_what_the_arguments_opened_hears_of_the_handlers_error() -> None:
    """An exit stack sees the exception, so that a session can roll back."""
    source = Arguments()

    async def fails(method: str, *, payload: list[int]) -> None:
        raise LookupError("x")

    job = await with_arguments(source, fails)
    assert outcomes(job) == ["error", "error"]
    assert [type(error) for error in source.closed_with] == [LookupError, LookupError]


async def test_arguments_that_no_longer_fit_are_not_retried() -> None:
    """A ValidationFailed out of the arguments fails the job at once; other errors are retried."""

    async def never(method: str, *, payload: list[int]) -> None:
        raise AssertionError

    source = Arguments(ValidationFailed([{"loc": ["body"], "msg": "no", "type": "x"}]))
    job = await with_arguments(source, never)
    assert outcomes(job) == ["error"]
    assert problem(job)["errors"] == [{"loc": ["body"], "msg": "no", "type": "x"}]
    assert outcomes(await with_arguments(Arguments(OSError("down")), never)) == ["error", "error"]
