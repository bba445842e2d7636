"""JSON as RFC 8259 has it, checked before anything else reads a body."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

import msgspec

from asyncendpoints.errors import MalformedPayload

_decode = msgspec.json.Decoder().decode
# Possessive, and an open string ends with the text: no body makes this take more than linear time.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)?', re.DOTALL)
_BRACKETS: Final = b"[]{}"
_OTHERS: Final = bytes(set(range(256)) - set(_BRACKETS))
# One level up for what opens, one level down for what closes.
_STEPS: Final = [1 if code in b"[{" else -1 if code in b"]}" else 0 for code in range(256)]


def check_json(body: bytes, *, max_depth: int) -> None:
    """Return if the body is one JSON text that every reader understands alike.

    Refused are syntax errors, bytes that are not UTF-8, lone surrogates (escaped ones too), NaN and Infinity, numbers
    that no float or integer of Python's JSON reader can hold, trailing data, and too deep nesting.

    Args:
        body: The bytes to check.
        max_depth: How many arrays and objects may stand within each other.

    Raises:
        MalformedPayload: The body is not such a text; the message says why, and is safe to show.
    """
    # Each level needs two brackets, so a short body needs no count; nor can a deep one pass the syntax check.
    if len(body) > 2 * max_depth and _deeper_than(body, max_depth):
        raise MalformedPayload(f"the JSON is nested deeper than {max_depth} levels")
    try:
        _decode(body)
    except UnicodeDecodeError as error:
        raise MalformedPayload(f"the body is not UTF-8: {error.reason} at byte {error.start} of a string") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedPayload(str(error)) from error


def _deeper_than(body: bytes, max_depth: int) -> bool:
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return False
    # What is left of broken strings may miscount, but then the text is malformed either way.
    brackets = _STRING.sub(b"", body).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > max_depth
