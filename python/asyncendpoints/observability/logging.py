"""Log records that name their job: on every record of the process, a handler's own lines included.

The library logs to `asyncendpoints` and its children and configures no handler. When an engine starts, the factory
of log records is chained once: every record of the process then has the attributes `FIELDS`, None outside of jobs, so
that a format may say `%(job_id)s`. Records about the end of a run have `duration` (seconds) and `outcome` besides.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress
from typing import Any, Final, Protocol

from asyncendpoints.context import current_job

FIELDS: Final = ("job_id", "request_id", "endpoint", "queue", "attempt")
"""What names a job: its id, the client's key, its handler, its queue, and the number of the attempt."""
ENDS: Final = ("duration", "outcome")
"""What records about the end of a run say besides: seconds, and how it ended."""

_NAMES: Final = frozenset({*FIELDS, *ENDS})
_NOBODY: Final[dict[str, Any]] = dict.fromkeys(FIELDS)


class _Attributes(dict[str, Any]):
    """A record's attributes, of which ours may be given again.

    `Logger.makeRecord` refuses an `extra` that names an attribute which the record has. Users log
    `extra={"request_id": …}`, and that must go on working: what they give replaces ours.
    """

    def __contains__(self, key: object) -> bool:
        return key not in _NAMES and super().__contains__(key)


class JobRecordFactory:
    """Makes log records as the factory before it does, and names the job that the record is about."""

    def __init__(self, previous: Any) -> None:
        self.previous = previous

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Make a record."""
        record: logging.LogRecord = self.previous(*args, **kwargs)
        record.__dict__ = attributes = _Attributes(record.__dict__)
        job = current_job.get()
        attributes.update(_NOBODY if job is None else about(job))
        return record


def install_record_factory() -> None:
    """Chain the factory of log records. Idempotent, and only ever done by an engine that starts."""
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, JobRecordFactory):
        logging.setLogRecordFactory(JobRecordFactory(factory))


class Named(Protocol):
    """A claim, or a handler's context: what knows whose run it is."""

    @property
    def job_id(self) -> str:
        """The job's id."""
        ...

    @property
    def request_id(self) -> str | None:
        """The client's key."""
        ...

    @property
    def handler(self) -> str:
        """The name of its handler."""
        ...

    @property
    def queue(self) -> str:
        """Its queue."""
        ...

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        ...


def about(run: Named) -> dict[str, Any]:
    """Return the `extra` of a record about a run, for those who log outside of its handler's context."""
    return {
        "job_id": run.job_id,
        "request_id": run.request_id,
        "endpoint": run.handler,
        "queue": run.queue,
        "attempt": run.attempt,
    }


def about_job(
    job_id: str, request_id: str | None = None, *, endpoint: str | None = None, queue: str | None = None
) -> dict[str, Any]:
    """Return the `extra` of a record about a job none of whose runs it concerns."""
    return {"job_id": job_id, "request_id": request_id, "endpoint": endpoint, "queue": queue}


def log_safely(log: logging.Logger, level: int, message: str, *arguments: object, **options: Any) -> None:
    """Write a record; a filter or handler of the application's that raises does not disturb whoever logs.

    Args:
        log: Where to.
        level: How serious it is.
        message: The record's message, with a place for each argument.
        arguments: What goes into the places.
        options: What `Logger.log` takes besides, `extra` and `exc_info`.
    """
    try:
        log.log(level, message, *arguments, **options)
    except BaseException:  # user code runs here, and the caller's work is worth more than its record
        # Where logging itself reports what its handlers could not write; there may be nobody to read that either.
        with suppress(Exception):
            traceback.print_exc()


def printable(text: str, limit: int = 2000) -> str:
    """Return text that came from outside in a form that cannot forge a log line or disturb a terminal.

    Everything that is not printable is escaped: line ends (U+2028 and U+2029 too), control and formatting characters,
    lone surrogates.

    Args:
        text: What is to be shown.
        limit: How many characters are shown at most.
    """
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
