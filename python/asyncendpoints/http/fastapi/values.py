"""The values that request-time dependencies give a handler: stored as JSON, read back by the worker."""

from __future__ import annotations

import warnings
from typing import Any, Final

from fastapi.security import HTTPAuthorizationCredentials, HTTPBasicCredentials
from pydantic import (
    ConfigDict,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import PydanticJsonSchemaWarning
from pydantic_core import PydanticSerializationError
from starlette.datastructures import UploadFile

from asyncendpoints.errors import ConfigurationError, ValidationFailed
from asyncendpoints.http.fastapi.annotations import is_anything, parts
from asyncendpoints.payload_survival import unchanged

_SECRETS: Final = (SecretStr, SecretBytes, Secret)
_CREDENTIALS: Final = (HTTPAuthorizationCredentials, HTTPBasicCredentials)
# Plain JSON loses NaN and bytes that are not UTF-8; types that carry a configuration of their own keep it.
_LOSSLESS: Final = ConfigDict(ser_json_inf_nan="constants", ser_json_bytes="base64", val_json_bytes="base64")
IN_WORKER: Final = "resolve it in the worker with JobDepends(...)"
_REMEDY: Final = f"annotate the parameter with what the dependency gives, or {IN_WORKER}"


class StoredValue:
    """A value that a request-time dependency gives the handler, with the way it is stored.

    Args:
        name: The parameter.
        annotation: Its annotation.

    Raises:
        ConfigurationError: Such a value cannot be stored; the message says why and what to do.
    """

    __slots__ = ("_adapter", "_dump", "name")

    def __init__(self, name: str, annotation: Any) -> None:
        _check(annotation)
        self.name = name
        self._adapter = _adapter(annotation)
        self._dump = self._adapter.dump_json

    def encode(self, value: Any) -> bytes:
        """Return the value as JSON, having checked that it can be read again as it is.

        Raises:
            ConfigurationError: The dependency gave something else than the parameter's annotation says.
        """
        given = f"the dependency of parameter {self.name!r} gave a {type(value).__name__}"
        try:
            body = self._dump(value, by_alias=False, round_trip=True, warnings="error")
            read = self.decode(body)
        except (PydanticSerializationError, ValidationFailed) as error:
            raise ConfigurationError(
                f"{given} that cannot be stored as its annotation says: {error}; {_REMEDY}"
            ) from error
        if not unchanged(value, read):
            raise ConfigurationError(
                f"{given} that is not the same when its JSON is read as its annotation says (what a subclass adds is "
                f"lost, and so is a type that the annotation does not name); {_REMEDY}"
            )
        return body

    def decode(self, body: bytes) -> Any:
        """Return the value that was stored.

        Raises:
            ValidationFailed: The stored value is not what the parameter's annotation now says.
        """
        try:
            return self._adapter.validate_json(body, by_alias=False, by_name=True)
        except ValidationError as error:
            raise ValidationFailed(
                [
                    {"loc": ["dependency", self.name, *one["loc"]], "msg": one["msg"], "type": one["type"]}
                    for one in error.errors(include_url=False, include_context=False)
                ]
            ) from error


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        try:
            adapter = TypeAdapter[Any](annotation, config=_LOSSLESS)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            adapter = TypeAdapter[Any](annotation)
        # A type can have a validator and still have no form in JSON.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
            adapter.json_schema(mode="validation")
            adapter.json_schema(mode="serialization")
    except (PydanticUserError, PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"has a type that cannot be stored as JSON ({reason}); {IN_WORKER}") from error
    return adapter


def _check(annotation: Any) -> None:
    if is_anything(annotation):
        raise ConfigurationError(
            f"takes a dependency's value of unknown type, which cannot be stored; annotate it with its type, "
            f"declare it in the route's `dependencies` if the value is not needed, or {IN_WORKER}"
        )
    for kind, field in parts(annotation):
        where = f" in field {field[0]!r}" if field else ""
        if field and getattr(field[1], "exclude", None):
            raise ConfigurationError(
                f"has a type whose field {field[0]!r} is excluded from JSON and would be lost; use a type "
                "without it, "
                f"or {IN_WORKER}"
            )
        if not isinstance(kind, type):
            continue
        if issubclass(kind, _SECRETS):
            raise ConfigurationError(
                f"takes a secret ({kind.__name__}{where}), which is not stored; let the dependency return a "
                "type "
                f"without secrets, or {IN_WORKER}"
            )
        if issubclass(kind, _CREDENTIALS):
            raise ConfigurationError(
                f"takes credentials ({kind.__name__}{where}), which are not stored; let a dependency return "
                "your own "
                "user model, or " + IN_WORKER
            )
        if issubclass(kind, UploadFile):
            raise ConfigurationError(
                f"takes an uploaded file from a dependency{where}, which is not stored; take the file as a "
                "parameter "
                "of the handler"
            )
