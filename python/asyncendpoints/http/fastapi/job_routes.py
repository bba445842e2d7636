"""What the job routes answer, as OpenAPI tells it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from asyncendpoints.http.fastapi.answers import PREFER, events, headers, job, merge, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncendpoints.http.fastapi.schemas import Components

ROUTE_MARKER: Final = "x-asyncendpoints-route"
"""The member by which an operation is known to be one of the job routes."""


def describe_route(operation: dict[str, Any], route: str, components: Components) -> None:
    """Describe one job route, in place.

    Args:
        operation: The operation as FastAPI made it.
        route: The route's name.
        components: The document's components.
    """
    answers = _ANSWERS.get(route, _health)(components)
    guarded = operation.get("responses", {}).get("422")
    if guarded is not None and _has_guards_parameters(operation):
        merge(answers, "422", guarded)
    operation["responses"] = answers
    for parameter in _PARAMETERS.get(route, ()):
        operation.setdefault("parameters", []).append(copy.deepcopy(parameter))
    if route == "submit_job":
        content = {"application/json": {"schema": copy.deepcopy(_PRODUCTION)}}
        operation["requestBody"] = {"required": True, "content": content}


def _has_guards_parameters(operation: dict[str, Any]) -> bool:
    """Return whether the guards of a job route take parameters, which FastAPI validates."""
    return any(parameter["name"] != "job_id" for parameter in operation.get("parameters", ()))


def _missing(components: Components) -> dict[str, Any]:
    return problem(components, "There is no such job, or it is somebody else's.")


def _down(components: Components) -> dict[str, Any]:
    return problem(components, "The store does not answer.")


def _status(components: Components) -> dict[str, Any]:
    known = job(components, "The job, in whatever state it is.")
    known["headers"] = headers("ETag", "Retry-After", "Preference-Applied")
    return {
        "200": known,
        "304": {"description": "The job has the version that the client knows."},
        "404": _missing(components),
        "503": _down(components),
    }


def _result(components: Components) -> dict[str, Any]:
    return {
        "202": job(components, "The job has not ended."),
        "2XX": {"description": "What the handler returned.", "content": {"*/*": {"schema": {}}}},
        "404": _missing(components),
        "409": problem(components, "The job was canceled."),
        "410": problem(components, "The result is no longer kept."),
        "416": problem(components, "The range is not satisfiable."),
        "default": problem(components, "The job failed; the status is its problem's."),
    }


def _events(components: Components) -> dict[str, Any]:
    return {
        "200": events("`status`, `progress` and `done` events; the id is the job's version."),
        "204": {"description": "The client has seen the last event."},
        "404": _missing(components),
        "503": _down(components),
    }


def _cancel(components: Components) -> dict[str, Any]:
    return {
        "200": job(components, "The job is canceled."),
        "202": job(components, "The running handler is told to end."),
        "404": _missing(components),
        "409": problem(components, "The job has already completed or failed."),
        "503": _down(components),
    }


def _submit(components: Components) -> dict[str, Any]:
    accepted = job(components, "The job is stored, and will run.")
    accepted["headers"] = headers("Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied")
    return {
        "202": accepted,
        "400": problem(components, "The body is not JSON, or the idempotency key is not valid."),
        "413": problem(components, "The body is too large."),
        "415": problem(components, "The body is not JSON."),
        "422": problem(components, "The production is not valid, or the key was used for another."),
        "503": problem(components, "The queue is full, or the store does not answer."),
    }


def _health(components: Components) -> dict[str, Any]:
    del components
    answer = {"content": {"application/json": {"schema": {"type": "object"}}}}
    return {"200": {"description": "Yes.", **answer}, "503": {"description": "No.", **copy.deepcopy(answer)}}


def _metrics(components: Components) -> dict[str, Any]:
    del components
    text = {"schema": {"type": "string"}}
    return {"200": {"description": "The metrics.", "content": {"text/plain": text}}}


_ANSWERS: Final[dict[str, Callable[[Components], dict[str, Any]]]] = {
    "job_status": _status,
    "job_result": _result,
    "job_events": _events,
    "cancel_job": _cancel,
    "delete_job": _cancel,
    "submit_job": _submit,
    "metrics": _metrics,
}


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


_PARAMETERS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "job_status": (_header("If-None-Match"), PREFER),
    "job_result": (_header("Range"),),
    "job_events": (_header("Last-Event-ID"),),
}

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
