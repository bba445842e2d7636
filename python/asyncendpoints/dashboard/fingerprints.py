"""Errors that are alike: what is left of one when numbers, ids and quoted values are taken out."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

import msgspec

LOOKED_AT: Final = 1_000
"""How many characters of an error's text tell one kind from another."""

# One pass, no nested repetition: the text is a job's, and may be made to be slow.
_PARTICULAR: Final = re.compile(
    r"""(?P<quoted>"[^"\n]*"|'[^'\n]*'|`[^`\n]*`|«[^»\n]*»|“[^”\n]*”)"""
    r"""|(?P<id>\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"""
    r"""|\b(?=[0-9a-fA-F]{0,63}[0-9])[0-9a-fA-F]{12,64}\b)"""
    r"""|(?P<number>[0-9]+(?:[.,:][0-9]+)*)"""
)
_SPACES: Final = re.compile(r"\s+")
_FOR: Final = {"quoted": "'…'", "id": "#", "number": "0"}


class ErrorKind(NamedTuple):
    """A kind of errors."""

    fingerprint: str
    """16 hexadecimal digits."""
    title: str
    """The problem's title."""
    pattern: str
    """Its detail without what is particular to one job; empty where it has none."""


class Problem(NamedTuple):
    """A stored problem object, as far as it can be read."""

    type: str
    title: str
    detail: str
    traceback: str
    members: dict[str, Any]


NOTHING: Final = Problem("", "No error was stored", "", "", {})


def read_problem(error: bytes | None) -> Problem:
    """Return a stored problem object; whatever it holds, the members are texts."""
    if error is None:
        return NOTHING
    try:
        decoded: Any = msgspec.json.decode(error)
    except (msgspec.MsgspecError, RecursionError):
        return Problem("", "An error that cannot be read", error[:LOOKED_AT].decode("utf-8", "replace"), "", {})
    if not isinstance(decoded, dict):
        return Problem("", "An error that is no problem object", str(decoded), "", {})
    members = cast("dict[str, Any]", decoded)

    def text(name: str) -> str:
        value = members.get(name)
        return "" if value is None else str(value)

    return Problem(text("type"), text("title"), text("detail"), text("traceback"), members)


def pattern_of(text: str) -> str:
    """Return a text with numbers, ids and quoted values replaced."""
    plain = _PARTICULAR.sub(lambda found: _FOR[found.lastgroup or "number"], text[:LOOKED_AT])
    return _SPACES.sub(" ", plain).strip()


@lru_cache(maxsize=4_096)
def kind_of(error: bytes | None) -> ErrorKind:
    """Return the kind of a stored problem object, by its type, title and detail."""
    problem = read_problem(error)
    pattern = pattern_of(problem.detail)
    named = "\0".join((problem.type, pattern_of(problem.title), pattern))
    digest = hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return ErrorKind(digest, problem.title, pattern)
