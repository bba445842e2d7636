"""Field errors in one form, whichever library found them: `loc`, `msg` and `type`, as pydantic has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import msgspec
    from pydantic import ValidationError

_PATH: Final = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD: Final = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`$")
_TYPES: Final = {"missing required": "missing", "contains unknown": "extra_forbidden"}


def from_msgspec(error: msgspec.ValidationError) -> list[dict[str, Any]]:
    """Return msgspec's one error as a list of field errors."""
    message = str(error)
    location: list[str | int] = ["body"]
    path = _PATH.search(message)
    if path is not None:
        message = message[: path.start()]
        for name, index in _STEP.findall(path[1]):
            location.append(int(index) if index.isdigit() else name or index)
    kind = "type_error"
    field = _FIELD.match(message)
    if field is not None:
        location.append(field["name"])
        kind = _TYPES[field["what"]]
    return [{"loc": location, "msg": message, "type": kind}]


def from_pydantic(error: ValidationError) -> list[dict[str, Any]]:
    """Return pydantic's errors without the input, which may be secret or unfit for JSON."""
    return [
        {"loc": ["body", *item["loc"]], "msg": item["msg"], "type": item["type"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
