"""The stored request of a submission that no client sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from asyncendpoints.errors import ConfigurationError, ValidationFailed
from asyncendpoints.http.fastapi.values import loses_fields
from asyncendpoints.request import StoredRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


def script_request(
    payload: Any, path_params: Mapping[str, Any], query: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[StoredRequest, bytes | None]:
    """Return the request and the body that stand for a script's submission.

    No client chose a URL, so the path holds nothing but the path parameters, in the order of their names.

    Raises:
        ConfigurationError: The payload is a model that JSON does not hold whole.
        ValidationFailed: The payload cannot be written as JSON.
    """
    body = _body(payload)
    sent = [(name.lower(), value) for name, value in headers.items()]
    if body is not None and not any(name == "content-type" for name, _ in sent):
        sent.append(("content-type", "application/json"))
    names = sorted(path_params)
    plain = {name: _plain(path_params[name]) for name in names}
    request = StoredRequest(
        path="/" + "/".join(quote(str(plain[name]), safe="") for name in names),
        route="/" + "/".join(f"{{{name}}}" for name in names),
        path_params=plain,
        query=urlencode(_texts(query)),
        headers=sent,
    )
    return request, body


def _body(payload: Any) -> bytes | None:
    if payload is None or isinstance(payload, bytes):
        return payload
    if isinstance(payload, BaseModel) and (lost := loses_fields(type(payload))):
        raise ConfigurationError(
            f"{type(payload).__name__} is not whole as JSON (its field {lost!r} is secret or excluded); "
            "submit a dict "
            "of what a client would send"
        )
    try:
        return to_json(payload, by_alias=True)
    except (PydanticSerializationError, ValueError) as error:
        raise ValidationFailed([{"loc": ["body"], "msg": str(error), "type": "not_serializable"}]) from error


def _plain(value: Any) -> Any:
    value = to_jsonable_python(value)
    whole = isinstance(value, int) and -(2**63) <= value < 2**63
    return value if whole or isinstance(value, (str, float)) else str(value)


def _texts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, _text(one)) for name, value in values.items() for one in _several(value) if one is not None
    ]


def _several(value: Any) -> list[Any]:
    plain: Any = to_jsonable_python(value)
    return cast("list[Any]", plain) if isinstance(plain, list) else [plain]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
