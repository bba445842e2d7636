"""What the URLs of all stores have in common: names, durations and numbers among the parameters.

No complaint holds a password.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

TIMEOUT: Final = 5.0
"""Seconds after which a call gives up, unless the URL says otherwise."""
LONGEST_TIMEOUT: Final = 3_600.0
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def parameters(query: str, known: Collection[str], database: str) -> dict[str, str]:
    """Return what follows the question mark, by name.

    Args:
        query: The part of the URL.
        known: The parameters that there are.
        database: Whose URL it is, in a complaint.

    Raises:
        ConfigurationError: A parameter is unknown, or there more than once.
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ConfigurationError(f"{name!r} is no parameter of a {database} URL; they are {', '.join(known)}")
        if name in given:
            raise ConfigurationError(f"the parameter {name!r} of the {database} URL is there more than once")
        given[name] = value
    return given


def namespace(value: str | None, database: str) -> str | None:
    """Return a namespace that is one, or None where there is none.

    Raises:
        ConfigurationError: It is no name.
    """
    if value is not None and not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"namespace in the {database} URL must be a name that matches {_NAME.pattern}, not {value!r}"
        )
    return value


def seconds(name: str, value: str | None, database: str, *, least: float, default: float = TIMEOUT) -> float:
    """Return a duration in seconds, at least `least` and at most an hour.

    Raises:
        ConfigurationError: It is no such number.
    """
    if value is None:
        return default
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not least <= found <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            f"{name} in the {database} URL must be a number of seconds from {least:g} to {LONGEST_TIMEOUT:g}, "
            f"not {value!r}"
        )
    return found


def whole(what: str, value: str, database: str, *, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        ConfigurationError: It is none.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and least <= int(value) <= most):
        raise ConfigurationError(
            f"{what} in the {database} URL must be a whole number from {least} to {most}, not {value!r}"
        )
    return int(value)
