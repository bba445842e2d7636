"""OpenAPI: what asynchronous operations and the job routes answer.

FastAPI documents what it sees: a route that answers 200. Operations whose idempotency header carries the
marker of an asynchronous endpoint are corrected here, and the job routes, which carry a marker of their own,
are described.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, cast

from asyncendpoints.http.fastapi.schemas import Components
from asyncendpoints.http.fastapi.signature import MARKER, REQUIRED_MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncendpoints.registry import Handler, Registry
    from asyncendpoints.settings import Settings

ROUTE_MARKER: Final = "x-asyncendpoints-route"
"""The member by which an operation is known to be one of the job routes."""

_PROBLEM_TYPE: Final = "application/problem+json"

_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": (
        "`wait=N` holds the request until the job ends, or N seconds pass (RFC 7240). `respond-async` is the default."
    ),
    "schema": {"type": "string", "examples": ["wait=10", "respond-async"]},
}

_HEADERS: Final[dict[str, Any]] = {
    "Location": {
        "description": "The URL of the job resource.",
        "schema": {"type": "string", "format": "uri"},
    },
    "Retry-After": {"description": "Whole seconds until a sensible poll.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {
        "description": "`true` where the key had been seen, and this is the earlier job.",
        "schema": {"type": "string"},
    },
    "Preference-Applied": {
        "description": "The `Prefer` that was honoured.",
        "schema": {"type": "string"},
    },
}

_EVENT: Final = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "description": "status, progress or done; expect more."},
        "id": {"type": "string", "description": "The job's version."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "id", "data"],
}
"""One server-sent event, in the form that FastAPI documents its own streams in (OpenAPI 3.2: `itemSchema`)."""

_KEY_SCHEMA: Final = {"type": "string", "pattern": "^[!#-~]{1,255}$"}


def describe(document: dict[str, Any], registry: Registry, settings: Settings) -> dict[str, Any]:
    """Correct an OpenAPI document in place, and return it; a second time changes nothing.

    Args:
        document: What FastAPI, or a generator of the user's own, has made.
        registry: The handlers that the document's markers name.
        settings: Where a key may stand in a request.
    """
    found = [one for one in _operations(document) if _marker(one) is not None or ROUTE_MARKER in one]
    if not found:
        return document
    components = Components(document)
    for operation in found:
        route: str | None = operation.pop(ROUTE_MARKER, None)
        if route is not None:
            _describe_route(operation, route, components)
            continue
        parameter = cast("dict[str, Any]", _marker(operation))
        handler = registry.find(parameter["schema"][MARKER])
        _describe_key(operation, parameter, settings)
        if handler is not None:
            _describe_submission(operation, handler, components)
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict):
                yield cast("dict[str, Any]", operation)


def _marker(operation: dict[str, Any]) -> dict[str, Any] | None:
    for parameter in operation.get("parameters", ()):
        if MARKER in parameter.get("schema", {}):
            return parameter
    return None


def _describe_key(operation: dict[str, Any], marked: dict[str, Any], settings: Settings) -> None:
    """Show the key as what it is, once, even where the handler reads the same header itself."""
    required: bool = marked["schema"][REQUIRED_MARKER]
    names = {name.lower() for name in settings.idempotency_headers}
    parameters: list[dict[str, Any]] = []
    for parameter in operation["parameters"]:
        if parameter["in"] == "header" and parameter["name"].lower() in names:
            if "description" not in parameter:
                continue
            # Where the key may stand in several places, none of them is required by itself.
            alone = len(names) == 1 and settings.idempotency_query is None
            parameters.append(parameter | {"required": required and alone, "schema": dict(_KEY_SCHEMA)})
        else:
            parameters.append(parameter)
    if settings.idempotency_query is not None:
        parameters.append(
            {
                "name": settings.idempotency_query,
                "in": "query",
                "required": False,
                "description": marked["description"],
                "schema": dict(_KEY_SCHEMA),
            }
        )
    parameters.append(copy.deepcopy(_PREFER))
    operation["parameters"] = parameters


def _describe_submission(operation: dict[str, Any], handler: Handler, components: Components) -> None:
    responses: dict[str, Any] = operation.get("responses", {})
    documented: dict[str, Any] | None = None
    for status in [status for status in responses if status.startswith("2")]:
        content = responses.pop(status).get("content", {})
        documented = documented or content.get("application/json", {}).get("schema")
    result = components.result_of(handler, documented)
    answers: dict[str, Any] = {
        "202": {
            "description": "The job is stored, and will run.",
            "headers": copy.deepcopy(_HEADERS),
            "content": {"application/json": {"schema": components.job_of(handler, result)}},
        }
    }
    answers["400"] = _problem(components, "The body is not JSON, or the idempotency key is not valid or missing.")
    answers["413"] = _problem(components, f"The body is larger than {handler.policy.max_body_bytes} bytes.")
    if "requestBody" in operation:
        answers["415"] = _problem(components, "The endpoint does not take this media type.")
    answers["422"] = _problem(components, "The request is not valid, or the key was used for another request.")
    answers["503"] = _problem(components, "The queue is full, or the store does not answer.")
    answers["503"]["headers"] = {"Retry-After": copy.deepcopy(_HEADERS["Retry-After"])}
    answers["default"] = {
        "description": (
            "With `Prefer: wait=N`, where the job has ended in time: the answer of its result. With "
            "`Accept: text/event-stream`: its events, at once."
        ),
        "content": {
            # A handler that does not say what it returns may return text, a file, anything.
            ("application/json" if result else "*/*"): {"schema": result},
            _PROBLEM_TYPE: {"schema": components.problem},
            "text/event-stream": {"itemSchema": copy.deepcopy(_EVENT)},
        },
    }
    for status, answer in answers.items():
        _merge(responses, status, answer)
    order = sorted(responses, key=lambda status: (not status.startswith("2"), status))
    operation["responses"] = {status: responses[status] for status in order}


def _merge(responses: dict[str, Any], status: str, answer: dict[str, Any]) -> None:
    """Add an answer beside what is documented for the same status: FastAPI's 422, or the user's own."""
    present = responses.get(status)
    if present is None:
        responses[status] = answer
        return
    present.setdefault("description", answer["description"])
    present["content"] = answer["content"] | present.get("content", {})
    if "headers" in answer:
        present["headers"] = answer["headers"] | present.get("headers", {})


def _problem(components: Components, description: str) -> dict[str, Any]:
    return {"description": description, "content": {_PROBLEM_TYPE: {"schema": components.problem}}}


def _job(components: Components, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": components.job}}}


def _describe_route(operation: dict[str, Any], route: str, components: Components) -> None:
    missing = _problem(components, "There is no such job, or it is somebody else's.")
    down = _problem(components, "The store does not answer.")
    answers: dict[str, Any]
    if route == "job_status":
        operation.setdefault("parameters", []).extend([_header("If-None-Match"), copy.deepcopy(_PREFER)])
        answers = {
            "200": _job(components, "The job, in whatever state it is."),
            "304": {"description": "The job has the version that the client knows."},
            "404": missing,
            "503": down,
        }
        answers["200"]["headers"] = {
            "ETag": {"description": "The job's version.", "schema": {"type": "string"}},
            "Retry-After": copy.deepcopy(_HEADERS["Retry-After"]),
            "Preference-Applied": copy.deepcopy(_HEADERS["Preference-Applied"]),
        }
    elif route == "job_result":
        operation.setdefault("parameters", []).append(_header("Range"))
        answers = {
            "202": _job(components, "The job has not ended."),
            "2XX": {"description": "What the handler returned.", "content": {"*/*": {"schema": {}}}},
            "404": missing,
            "409": _problem(components, "The job was canceled."),
            "410": _problem(components, "The result is no longer kept."),
            "416": _problem(components, "The range is not satisfiable."),
            "default": _problem(components, "The job failed; the status is its problem's."),
        }
    elif route == "job_events":
        operation.setdefault("parameters", []).append(_header("Last-Event-ID"))
        answers = {
            "200": {
                "description": "`status`, `progress` and `done` events; the id is the job's version.",
                "content": {"text/event-stream": {"itemSchema": copy.deepcopy(_EVENT)}},
            },
            "204": {"description": "The client has seen the last event."},
            "404": missing,
            "503": down,
        }
    elif route in {"cancel_job", "delete_job"}:
        answers = {
            "200": _job(components, "The job is canceled."),
            "202": _job(components, "The running handler is told to end."),
            "404": missing,
            "409": _problem(components, "The job has already completed or failed."),
            "503": down,
        }
    elif route == "submit_job":
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": copy.deepcopy(_PRODUCTION)}},
        }
        answers = {
            "202": _job(components, "The job is stored, and will run."),
            "400": _problem(components, "The body is not JSON, or the idempotency key is not valid."),
            "413": _problem(components, "The body is too large."),
            "415": _problem(components, "The body is not JSON."),
            "422": _problem(components, "The production is not valid, or the key was used for another."),
            "503": _problem(components, "The queue is full, or the store does not answer."),
        }
        answers["202"]["headers"] = copy.deepcopy(_HEADERS)
    else:
        answers = {
            "200": {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}},
            "503": {"description": "No.", "content": {"application/json": {"schema": {"type": "object"}}}},
        }
    guarded = operation.get("responses", {}).get("422")
    if guarded is not None and _has_own_parameters(operation):
        _merge(answers, "422", guarded)
    operation["responses"] = answers


def _has_own_parameters(operation: dict[str, Any]) -> bool:
    """Return whether the guards of a job route take parameters, which FastAPI validates."""
    ours = {"job_id", "If-None-Match", "Prefer", "Range", "Last-Event-ID"}
    return any(parameter["name"] not in ours for parameter in operation.get("parameters", ()))


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


_PRODUCTION: Final = {
    "title": "Production",
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "The name of an exposed handler."},
        "payload": {"description": "What the handler takes."},
        "idempotencyKey": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "delay": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}], "description": "Seconds."},
    },
    "required": ["type"],
    "additionalProperties": False,
}
