"""A formatter that makes one JSON object of each log record."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from asyncendpoints.observability.logging import ENDS, FIELDS

_OWN: Final = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", *FIELDS, *ENDS}
)
"""The attributes that every record has, and those that are members of their own."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, whoever logged it.

    The members `time` (UTC, RFC 3339), `level`, `logger` and `message` are always there; `job_id`, `request_id`,
    `endpoint`, `queue`, `attempt`, `duration` (seconds) and `outcome` where the record has them; `traceback` and
    `stack` where it brings them; and whatever a caller gave as `extra`, what is no JSON as its text. A line has no line
    break, whatever is logged.
    """

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        attributes = vars(record)
        for name in (*FIELDS, *ENDS):
            value = attributes.get(name)
            if value is not None:
                line[name] = value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["traceback"] = record.exc_text
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        for name in attributes.keys() - _OWN:
            line.setdefault(name, _plain(attributes[name]))
        return json.dumps(line)


def _plain(value: object) -> object:
    """Return a value that JSON has, as it is or as text."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return _text(value)
    return value


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a value's own code, which must not cost the line
        return f"<{type(value).__name__}>"
