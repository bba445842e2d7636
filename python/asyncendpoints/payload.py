"""Payloads and results as typed JSON: read and written by msgspec, or by pydantic where the user's type is a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from asyncendpoints.errors import MalformedPayload, ResultNotSerializable, ValidationFailed
from asyncendpoints.observability.tracebacks import summary
from asyncendpoints.payload_errors import from_msgspec, from_pydantic
from asyncendpoints.payload_kinds import make_adapter, make_decoder, needs_pydantic
from asyncendpoints.payload_numbers import lost_number, may_have_lost
from asyncendpoints.payload_survival import changed, same, survives
from asyncendpoints.strict_json import check_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import TypeAdapter

__all__ = ["PayloadType", "ResultType", "check_json"]

T = TypeVar("T")
_ANYTHING: Final = (Any, object)
_MISSING: Final = [{"loc": ["body"], "msg": "Field required", "type": "missing"}]


class _UnfitError(Exception):
    """A value that could be written, but would not be what it was; the message says all."""


def _plain(value: Any) -> Any:
    """Turn what msgspec does not know into something that it does."""
    dump_json = getattr(value, "model_dump_json", None)
    if dump_json is not None:
        return msgspec.Raw(dump_json(by_alias=True).encode())
    raise TypeError(f"a {type(value).__qualname__} cannot be written as JSON")


def _restorable(value: Any) -> Any:
    """Do the same for a payload, where a model must come back as it was whoever reads it."""
    dump_json = getattr(value, "model_dump_json", None)
    if dump_json is None:
        return _plain(value)
    body = dump_json(by_alias=True, round_trip=True, warnings=False).encode()
    if may_have_lost(body):
        _check_numbers(value, body)
    model: Any = cast("Any", type(value))
    if not same(value, model.model_validate_json(body)):
        raise _UnfitError(changed(value))
    return msgspec.Raw(body)


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode
_encode_payload: Final = msgspec.json.Encoder(enc_hook=_restorable).encode


def _write(value: Any) -> bytes:
    body = _encode(value)
    if may_have_lost(body):
        _check_numbers(value, body)
    return body


def _check_numbers(value: Any, body: bytes) -> None:
    lost = lost_number(value, body)
    if lost is not None:
        raise _UnfitError(lost)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _UnfitError) else summary(error)


def _read_model(adapter: TypeAdapter[Any], body: bytes) -> Any:
    from pydantic import ValidationError

    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise ValidationFailed(from_pydantic(error)) from error


def _write_model(adapter: TypeAdapter[Any], value: Any) -> bytes:
    valid = adapter.validate_python(value, from_attributes=True)
    body = adapter.dump_json(valid, by_alias=True)
    if may_have_lost(body):
        _check_numbers(adapter.dump_python(valid, by_alias=True), body)
    return body


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
        self._adapter = make_adapter(annotation) if needs_pydantic(annotation) else None
        self._decoder: msgspec.json.Decoder[Any] = (
            msgspec.json.Decoder() if self._adapter is not None or annotation in _ANYTHING else make_decoder(annotation)
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
            ValidationFailed: The value is not what the annotation says, cannot be written as JSON, or is an object that
                would be read back as something else.
        """
        if value is None:
            if not self._takes_none:
                raise ValidationFailed(_MISSING)
            return None
        try:
            if self._adapter is not None and not isinstance(value, (dict, list, str, int, float)):
                body = self._adapter.dump_json(value, by_alias=True, round_trip=True, warnings=False)
                if may_have_lost(body):
                    dumped = self._adapter.dump_python(value, by_alias=True, round_trip=True, warnings=False)
                    _check_numbers(dumped, body)
            else:
                body = _encode_payload(value)
                if may_have_lost(body):
                    _check_numbers(value, body)
        except Exception as error:  # user code runs here: properties, hooks and serializers may raise anything
            raise ValidationFailed([{"loc": ["body"], "msg": _reason(error), "type": "not_serializable"}]) from error
        read = self.decode(body)
        # Whoever takes anything takes plain data.
        if self.annotation not in _ANYTHING and not survives(value, read):
            raise ValidationFailed([{"loc": ["body"], "msg": changed(value), "type": "not_restorable"}])
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
        self._adapter = make_adapter(annotation) if needs_pydantic(annotation) else None
        self._encode: Callable[[Any], bytes] = _write if self._adapter is None else partial(_write_model, self._adapter)

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
            raise ResultNotSerializable(_reason(error)) from error

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
