"""Which library reads a type, and how its reader is made: pydantic for what is pydantic's, msgspec for the rest."""

from __future__ import annotations

import sys
import typing
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LIBRARIES: Final = ("pydantic", "annotated_types")
"""Whose types and constraints need pydantic; `msgspec.Meta` is msgspec's own."""


def needs_pydantic(annotation: Any) -> bool:
    """Tell whether an annotation is or contains a pydantic model, or a constraint that only pydantic keeps."""
    if not any(name in sys.modules for name in _LIBRARIES):
        # Neither can exist yet, and pydantic need not be installed.
        return False
    return _mentions_pydantic(annotation, set(), in_structs=False)


def _mentions_pydantic(annotation: Any, seen: set[int], *, in_structs: bool) -> bool:
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if hasattr(annotation, "__pydantic_core_schema__") or hasattr(annotation, "__pydantic_validator__"):
        return True
    if any(kind.__module__.partition(".")[0] in _LIBRARIES for kind in type(annotation).__mro__):
        return True
    # What stands behind a `type` statement and a NewType.
    parts = [getattr(annotation, name) for name in ("__value__", "__supertype__") if hasattr(annotation, name)]
    parts += typing.get_args(annotation)
    kind: Any = typing.get_origin(annotation) or annotation
    if isinstance(kind, type) and _has_fields(kind, in_structs=in_structs):
        parts += _field_types(cast("type[Any]", kind))
    return any(_mentions_pydantic(part, seen, in_structs=in_structs) for part in parts)


def _has_fields(kind: Any, *, in_structs: bool) -> bool:
    if in_structs and hasattr(kind, "__struct_fields__"):
        return True
    return is_dataclass(kind) or typing.is_typeddict(kind) or hasattr(kind, "_field_defaults")


def _field_types(annotation: type[Any]) -> list[Any]:
    try:
        return [*typing.get_type_hints(annotation, include_extras=True).values()]
    except (NameError, TypeError):
        # Whoever builds the decoder reports it; here only what can be seen counts.
        return [field.type for field in fields(annotation)] if is_dataclass(annotation) else []


def make_adapter(annotation: Any) -> TypeAdapter[Any]:
    """Return pydantic's reader and writer of a type.

    Raises:
        ConfigurationError: The annotation cannot be read from JSON.
    """
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        raise ConfigurationError(f"{annotation!r} cannot be read from JSON: {error}") from error


def make_decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    """Return msgspec's reader of a type.

    Raises:
        ConfigurationError: The annotation cannot be read from JSON.
    """
    try:
        if _has_custom(msgspec.inspect.type_info(annotation)):
            reason = "it is neither plain data, a dataclass, a TypedDict, a msgspec Struct nor a pydantic model"
        elif _mentions_pydantic(annotation, set(), in_structs=True):
            reason = "pydantic's constraints have no effect within a msgspec Struct; write msgspec.Meta there"
        else:
            return msgspec.json.Decoder(annotation)
    except (TypeError, NameError) as error:
        reason = str(error)
    raise ConfigurationError(f"a payload of {annotation!r} cannot be read from JSON: {reason}")


def _has_custom(info: Any, seen: set[type] | None = None) -> bool:
    seen = set() if seen is None else seen
    if isinstance(info, msgspec.inspect.CustomType):
        return True
    if isinstance(info, (list, tuple)):
        return any(_has_custom(part, seen) for part in cast("list[Any]", info))
    if not isinstance(info, (msgspec.inspect.Type, msgspec.inspect.Field)):
        return False
    kind = getattr(info, "cls", None)
    if isinstance(kind, type):
        if kind in seen:
            return False
        seen.add(kind)
    return any(_has_custom(getattr(info, name), seen) for name in info.__struct_fields__)
