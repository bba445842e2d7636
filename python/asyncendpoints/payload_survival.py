"""Whether an object that a script submits comes back from JSON as it was: a masked secret, say, does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isnan
from typing import Any, cast


def survives(given: Any, read: Any) -> bool:
    """Tell whether what was read is what was given; plain data counts as such, however its type took it.

    Args:
        given: What was encoded.
        read: What the bytes were decoded as.
    """
    try:
        return _survives(given, read)
    except Exception:  # comparing runs user code, and an object that cannot be compared cannot be told to differ
        return True


def unchanged(given: Any, read: Any) -> bool:
    """Tell whether what was read is what was given, to the types of its parts: plain data gets no licence.

    Args:
        given: What was encoded.
        read: What the bytes were decoded as.
    """
    try:
        return same(given, read)
    except Exception:  # as above
        return True


def changed(given: Any) -> str:
    """Return what to tell whoever submitted what does not survive."""
    return (
        f"this {type(given).__qualname__} does not survive JSON: it is read back as something else "
        "(secrets are masked, excluded or differently aliased fields and those of a subclass are lost); "
        "submit a dict of what the handler's type reads instead"
    )


def _survives(given: Any, read: Any) -> bool:
    if given is None or isinstance(given, (str, int, float)) or read is given:
        return True
    if isinstance(given, (dict, list, tuple)):
        return bool(read == given) or _parts_survive(cast("Any", given), read)
    if isinstance(given, (set, frozenset)):
        return set(read) == given
    return same(given, read)


def _parts_survive(given: Any, read: Any) -> bool:
    if isinstance(given, dict):
        members = cast("dict[Any, Any]", given).items()
        if isinstance(read, Mapping):
            found = cast("Mapping[Any, Any]", read)
            return all(_survives(member, found[name]) for name, member in members if name in found)
        return all(_survives(member, getattr(read, name)) for name, member in members if hasattr(read, str(name)))
    if isinstance(read, (list, tuple)):
        items = cast("list[Any]", read)
        return len(given) == len(items) and all(map(_survives, given, items))
    # A set or the like, made by the type from plain data.
    return True


def same(given: Any, read: Any) -> bool:
    """Tell whether two objects hold the same, as far as JSON could have kept it: NaN equals itself here.

    Private attributes do not count, nor do identities: an object without an equality is compared by its fields.
    """
    if bool(given == read):
        return True
    return type(given) is type(read) and _same_parts(given, read)


def _same_parts(given: Any, read: Any) -> bool:
    if isinstance(given, float):
        return isnan(given) and isnan(read)
    if isinstance(given, dict):
        members = cast("dict[Any, Any]", given)
        return members.keys() == read.keys() and all(same(member, read[name]) for name, member in members.items())
    if isinstance(given, (list, tuple)):
        items = cast("list[Any]", given)
        return len(items) == len(read) and all(map(same, items, read))
    names = _fields_of(given)
    if names is None:
        # Without an equality and without known fields nothing can be told.
        return type(given).__eq__ is object.__eq__
    return all(same(getattr(given, name, None), getattr(read, name, None)) for name in names)


def _fields_of(value: Any) -> list[str] | None:
    kind = cast("type[Any]", type(value))
    if is_dataclass(kind):
        return [field.name for field in fields(kind) if field.compare]
    for attribute, further in (("model_fields", "__pydantic_extra__"), ("__struct_fields__", "__struct_config__")):
        names = getattr(kind, attribute, None)
        if names is not None:
            return [*names, further]
    return None
