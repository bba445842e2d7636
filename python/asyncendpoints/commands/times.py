"""Times on the command line: a moment, or how long ago."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from typing import Final

_AGO: Final = re.compile(r"(\d{1,9})(s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def parse_time(text: str) -> int:
    """Return a time in UTC milliseconds.

    Args:
        text: `2026-11-23T14:30`, with a zone or in UTC; or how long ago: `90s`, `15min`, `2h`, `7d`.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    now = datetime.now(UTC)
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            moment = now.timestamp() - int(ago[1]) * _SECONDS[ago[2]]
        else:
            when = datetime.fromisoformat(text.strip())
            moment = (when.replace(tzinfo=UTC) if when.tzinfo is None else when).timestamp()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"must be a time in UTC such as 2026-11-23T14:30, or how long ago, such as 90s, 15min, 2h or 7d, "
            f"not {text!r}"
        ) from error
    return max(int(moment * 1000), 0)
