"""Payloads and results as typed JSON: read and written by msgspec, or by pydantic where the user's type is a model."""

from __future__ import annotations

import sys
import typing
from dataclasses import fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from asyncendpoints.errors import ConfigurationError, MalformedPayload, ResultNotSerializable, ValidationFailed
from asyncendpoints.payload_errors import from_msgspec, from_pydantic
from asyncendpoints.strict_json import check_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import TypeAdapter

__all__ = ["PayloadType", "ResultType", "check_json"]

T = TypeVar("T")
_ANYTHING: Final = (Any, object)
_MISSING: Final = [{"loc": ["body"], "msg": "Field required", "type": "missing"}]


def _plain(value: Any) -> Any:
    """Turn what msgspec does not know into something that it does."""
    to_python = getattr(value, "model_dump_json", None)
    if to_python is not None:
        return msgspec.Raw(to_python(by_alias=True).encode())
    raise TypeError(f"a {type(value).__qualname__} cannot be written as JSON")


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def has_model(annotation: Any, _seen: frozenset[Any] = frozenset()) -> bool:
    """Tell whether an annotation is or contains a pydantic model."""
    if "pydantic" not in sys.modules:
        # No model can exist yet, and pydantic need not be installed.
        return False
    if hasattr(annotation, "__pydantic_core_schema__") or hasattr(annotation, "__pydantic_validator__"):
        return True
    parts: list[Any] = [*typing.get_args(annotation)]
    if isinstance(annotation, type) and annotation not in _seen:
        kind = cast("type[Any]", annotation)
        _seen |= {kind}
        if is_dataclass(kind) or typing.is_typeddict(kind):
            parts += _field_types(kind)
    return any(has_model(part, _seen) for part in parts)


def _field_types(annotation: type[Any]) -> list[Any]:
    try:
        return [*typing.get_type_hints(annotation).values()]
    except (NameError, TypeError):
        # Whoever builds the decoder reports it; here only what can be seen counts.
        return [field.type for field in fields(annotation)] if is_dataclass(annotation) else []


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        raise ConfigurationError(f"{annotation!r} cannot be read from JSON: {error}") from error


def _read_model(adapter: TypeAdapter[Any], body: bytes) -> Any:
    from pydantic import ValidationError

    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise ValidationFailed(from_pydantic(error)) from error


def _write_model(adapter: TypeAdapter[Any], value: Any) -> bytes:
    return adapter.dump_json(adapter.validate_python(value, from_attributes=True), by_alias=True)


def _make_decoder(annotation: Any) -> msgspec.json.Decoder[Any]:
    try:
        if not _has_custom(msgspec.inspect.type_info(annotation)):
            return msgspec.json.Decoder(annotation)
        reason = "it is neither plain data, a dataclass, a TypedDict, a msgspec Struct nor a pydantic model"
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


class PayloadType(Generic[T]):
    """How payloads of one annotation are read and written; made once for each handler.

    Args:
        annotation: What the handler's `JobContext[…]` names; `Any` takes every JSON value, and no body as None.

    Raises:
        ConfigurationError: The annotation cannot be read from JSON.
    """

    __slots__ = ("_adapter", "_decoder", "_takes_none", "annotation")

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._adapter = _adapter(annotation) if has_model(annotation) else None
        self._decoder: msgspec.json.Decoder[Any] = (
            msgspec.json.Decoder()
            if self._adapter is not None or annotation in _ANYTHING
            else _make_decoder(annotation)
        )
        self._takes_none = self._reads_null()

    def decode(self, body: bytes | None) -> T:
        """Return the payload; no body is None where the annotation takes it.

        Raises:
            MalformedPayload: The body is not JSON.
            ValidationFailed: It is, but not what the annotation says.
        """
        if body is None:
            if not self._takes_none:
                raise ValidationFailed(_MISSING)
            return cast("T", None)
        try:
            return self._decoder.decode(body) if self._adapter is None else _read_model(self._adapter, body)
        except msgspec.ValidationError as error:
            raise ValidationFailed(from_msgspec(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedPayload(str(error)) from error

    def _reads_null(self) -> bool:
        try:
            self.decode(b"null")
        except ValidationFailed:
            return False
        return True

    def encode(self, value: Any) -> bytes | None:
        """Return the bytes to store for a payload that a script submits, having checked that they can be read again.

        Raises:
            ValidationFailed: The value is not what the annotation says, or cannot be written as JSON.
        """
        if value is None:
            if not self._takes_none:
                raise ValidationFailed(_MISSING)
            return None
        try:
            if self._adapter is not None and not isinstance(value, (dict, list, str, int, float)):
                body = self._adapter.dump_json(value, by_alias=True, round_trip=True)
            else:
                body = _encode(value)
        except Exception as error:  # user code runs here: properties, hooks and serializers may raise anything
            raise ValidationFailed([{"loc": ["body"], "msg": str(error), "type": "not_serializable"}]) from error
        self.decode(body)
        return body

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the payload."""
        if self.annotation in _ANYTHING:
            return {}
        if self._adapter is not None:
            return self._adapter.json_schema()
        return msgspec.json.schema(self.annotation)


class ResultType:
    """How the results of one handler are written.

    Args:
        annotation: What the handler's function says that it returns. A pydantic model in it validates and filters
            what is written, as FastAPI does with a response model; everything else is written as it is.
    """

    __slots__ = ("_adapter", "_encode", "annotation")

    def __init__(self, annotation: Any = Any) -> None:
        self.annotation = annotation
        self._adapter = _adapter(annotation) if has_model(annotation) else None
        self._encode: Callable[[Any], bytes] = (
            _encode if self._adapter is None else partial(_write_model, self._adapter)
        )

    def encode(self, value: Any) -> bytes | None:
        """Return the result's JSON, or None for None.

        Raises:
            ResultNotSerializable: It cannot be written as JSON.
        """
        if value is None:
            return None
        try:
            return self._encode(value)
        except Exception as error:  # user code runs here: properties, hooks and serializers may raise anything
            raise ResultNotSerializable(f"{type(error).__name__}: {error}") from error

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the result; empty where nothing is known of it."""
        if self.annotation in _ANYTHING:
            return {}
        if self._adapter is not None:
            return self._adapter.json_schema(mode="serialization")
        try:
            return msgspec.json.schema(self.annotation)
        except TypeError:
            # The annotation is for people only; results are written by their values.
            return {}
