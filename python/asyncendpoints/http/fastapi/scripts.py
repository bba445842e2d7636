"""The body of a submission that no client sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from asyncendpoints.errors import ValidationFailed
from asyncendpoints.http.body_checks import is_json
from asyncendpoints.http.fastapi.annotations import is_anything
from asyncendpoints.http.scripted import scripted_request
from asyncendpoints.payload import PayloadType, check_json
from asyncendpoints.payload_survival import changed, survives

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncendpoints.http.fastapi.internals import Extractor
    from asyncendpoints.request import StoredRequest

_ANYTHING: Final = PayloadType[Any](Any)
_ABSENT: Final = object()


def script_request(
    payload: Any,
    path_params: Mapping[str, Any] | None,
    query: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
    *,
    max_json_depth: int,
) -> tuple[StoredRequest, bytes | None]:
    """Return the request and the body that stand for a script's submission to a FastAPI handler.

    Raises:
        MalformedPayload: The payload is bytes that should be JSON, and is not.
        ValidationFailed: The payload, or a parameter, cannot be written as a request would have it.
    """
    body = payload if isinstance(payload, bytes) else _ANYTHING.encode(payload)
    if body is not None:
        sent = [value for name, value in (headers or {}).items() if name.lower() == "content-type"]
        if not sent:
            headers = {**(headers or {}), "content-type": "application/json"}
        if isinstance(payload, bytes) and all(is_json(value.encode("latin-1", "replace")) for value in sent):
            check_json(body, max_depth=max_json_depth)
    try:
        request = scripted_request(path_params, query, headers)
        for name, value in request.headers:
            (name + value).encode("latin-1")
        return request, body
    except (TypeError, UnicodeEncodeError) as error:
        raise ValidationFailed([{"loc": ["request"], "msg": str(error), "type": "not_serializable"}]) from error


def refuse_changed(payload: Any, checker: Extractor, values: Mapping[str, Any]) -> None:
    """Return if the handler reads the payload as it was given.

    Args:
        payload: What the script gave; bytes are as they are.
        checker: What read them.
        values: What it read.

    Raises:
        ValidationFailed: JSON would change it: a masked secret, say, or what a subclass adds.
    """
    if payload is None or isinstance(payload, bytes):
        return
    for field in checker.dependant.body_params:
        given = _member(payload, field.alias) if checker.embed else payload
        # Whoever takes anything takes plain data.
        anything = is_anything(field.field_info.annotation)
        if given is not _ABSENT and not anything and not survives(given, values[field.name]):
            loc = ["body", field.alias] if checker.embed else ["body"]
            raise ValidationFailed([{"loc": loc, "msg": changed(given), "type": "not_restorable"}])


def _member(payload: Any, name: str) -> Any:
    if isinstance(payload, dict):
        return cast("dict[str, Any]", payload).get(name, _ABSENT)
    return getattr(payload, name, _ABSENT)
