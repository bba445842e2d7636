"""The body of a submission that no client sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from asyncendpoints.errors import ConfigurationError, ValidationFailed
from asyncendpoints.http.fastapi.values import loses_fields
from asyncendpoints.http.scripted import scripted_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.request import StoredRequest


def script_request(
    payload: Any,
    path_params: Mapping[str, Any] | None,
    query: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
) -> tuple[StoredRequest, bytes | None]:
    """Return the request and the body that stand for a script's submission to a FastAPI handler.

    Raises:
        ConfigurationError: The payload is a model that JSON does not hold whole.
        ValidationFailed: The payload, or a parameter, cannot be written as a request would have it.
    """
    body = _body(payload)
    if body is not None and not any(name.lower() == "content-type" for name in headers or {}):
        headers = {**(headers or {}), "content-type": "application/json"}
    try:
        request = scripted_request(path_params, query, headers)
        for name, value in request.headers:
            (name + value).encode("latin-1")
        return request, body
    except (TypeError, UnicodeEncodeError) as error:
        raise ValidationFailed([{"loc": ["request"], "msg": str(error), "type": "not_serializable"}]) from error


def _body(payload: Any) -> bytes | None:
    if payload is None or isinstance(payload, bytes):
        return payload
    if isinstance(payload, BaseModel) and (lost := loses_fields(type(payload))):
        raise ConfigurationError(
            f"{type(payload).__name__} is not whole as JSON (its field {lost!r} is secret or excluded); submit a "
            "dict of what a client would send"
        )
    try:
        return to_json(payload, by_alias=True)
    except (PydanticSerializationError, ValueError) as error:
        errors = [{"loc": ["body"], "msg": str(error), "type": "not_serializable"}]
        raise ValidationFailed(errors) from error
