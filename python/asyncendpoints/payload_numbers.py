"""Numbers that JSON does not have: the encoders write null where NaN or an infinity stands, and nobody is told."""

from __future__ import annotations

import json
import math
from typing import Any, Final, cast

import msgspec

_UNREADABLE: Final = object()
_ABSENT: Final = object()


def may_have_lost(body: bytes) -> bool:
    """Tell whether a number may be missing: only a body with a null, or the bare word, can have lost one."""
    # `in` tries the word as a number first, which costs ten times as much.
    return body.find(b"null") >= 0 or body.find(b"NaN") >= 0 or body.find(b"Infinity") >= 0


def lost_number(value: Any, body: bytes) -> str | None:
    """Return what is wrong with a body that stands for a value with NaN or an infinity in it, or None.

    RFC 8259 has neither. This looks at the whole value; ask `may_have_lost` before.

    Args:
        value: What was encoded; of a pydantic model, what it dumps as.
        body: What it was encoded as.
    """
    try:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_opened)
    except TypeError:
        # Keys that only their own serializer can write: what stands under them cannot be told.
        return None
    try:
        json.dumps(plain, allow_nan=False)
    except ValueError:
        return _first_lost(plain, body)
    return None


def _first_lost(plain: Any, body: bytes) -> str | None:
    try:
        read = msgspec.json.decode(body)
    except msgspec.DecodeError:
        read = _UNREADABLE
    return _find(plain, read, "$")


def _opened(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    # What else JSON knows through a hook is no number.
    return None if dump is None else dump(by_alias=True)


def _find(value: Any, read: Any, path: str) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        # A serializer of the user's may have written something else in its place.
        return f"JSON has no {value} ({path}); give null or a string instead" if _is_lost(read) else None
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        found = (_find(member, _member(read, name), f"{path}.{name}") for name, member in members.items())
    elif isinstance(value, list):
        items = enumerate(cast("list[Any]", value))
        found = (_find(item, _member(read, index), f"{path}[{index}]") for index, item in items)
    else:
        return None
    return next((message for message in found if message is not None), None)


def _is_lost(read: Any) -> bool:
    return read is None or read is _UNREADABLE


def _member(read: Any, name: str | int) -> Any:
    if read is _UNREADABLE:
        return read
    try:
        return read[name]
    except (TypeError, LookupError):
        return _ABSENT
