"""The components of OpenAPI documents: the job resource, a problem, and each handler's own job resource."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from asyncendpoints.registry import Handler

_UNNAMED: Final = re.compile(r"[^A-Za-z0-9._-]+")
_REF: Final = "#/components/schemas/"

_TIME: Final = {"type": "string", "format": "date-time"}
_URL: Final = {"type": "string", "format": "uri"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_PROGRESS: Final = {
    "type": "object",
    "properties": {
        "percent": _or_null({"type": "number", "minimum": 0, "maximum": 100}),
        "message": _or_null({"type": "string"}),
        "data": {},
    },
}

_ATTEMPT: Final = {
    "title": "JobAttempt",
    "type": "object",
    "description": "One run of the job.",
    "properties": {
        "number": {
            "type": "integer",
            "description": "The run; released runs count here, but not as attempts.",
        },
        "startedAt": _TIME,
        "finishedAt": _or_null(_TIME),
        "outcome": _or_null(
            {
                "type": "string",
                "description": "completed, error, timeout, canceled, lost or released; expect more.",
            }
        ),
        "error": _or_null({"$ref": "#/$defs/Problem"}),
        "worker": {"type": "string"},
    },
    "required": ["number", "startedAt", "finishedAt", "outcome", "error", "worker"],
}

_PROBLEM: Final = {
    "title": "Problem",
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "A stable URI that ends in a code.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "jobId": {"type": "string"},
        "requestId": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "Field errors."},
    },
    "required": ["type", "title", "status"],
    "additionalProperties": True,
}

_JOB_PROPERTIES: Final[dict[str, Any]] = {
    "jobId": {"type": "string"},
    "requestId": _or_null({"type": "string", "description": "The client's idempotency key."}),
    "endpoint": {"type": "string"},
    "status": {
        "type": "string",
        "description": "scheduled, queued, in_progress, completed, failed or canceled; expect more.",
        "examples": ["queued", "completed"],
    },
    "done": {"type": "boolean", "description": "Whether the job has ended; loops test this."},
    "createdAt": _TIME,
    "scheduledAt": _or_null(_TIME),
    "startedAt": _or_null(_TIME),
    "finishedAt": _or_null(_TIME),
    "updatedAt": _TIME,
    "expiresAt": _or_null(_TIME),
    "attempt": {"type": "integer", "minimum": 0},
    "maxAttempts": {"type": "integer", "minimum": 1},
    "nextAttemptAt": _or_null(_TIME),
    "attempts": {"type": "array", "items": {"$ref": "#/$defs/JobAttempt"}},
    "progress": _or_null(_PROGRESS),
    "result": {"description": "What the handler returned; null where it is large or not JSON: see resultUrl."},
    "error": _or_null({"$ref": "#/$defs/Problem"}),
    "redriveOf": _or_null({"type": "string"}),
    "cancelRequestedAt": _or_null(_TIME),
    "warnings": {"type": "array", "items": {"type": "string"}},
    "statusUrl": _URL,
    "resultUrl": _URL,
    "eventsUrl": _URL,
    "cancelUrl": _URL,
}

_JOB: Final = {
    "title": "Job",
    "type": "object",
    "description": "A job, in whatever state it is.",
    "properties": _JOB_PROPERTIES,
    "required": list(_JOB_PROPERTIES),
}


class Components:
    """The schemas of one document, to which components are added under names that are still free.

    Args:
        document: The OpenAPI document.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
        names = self._add({"Problem": _PROBLEM, "JobAttempt": _ATTEMPT, "Job": _JOB}, "asyncendpoints")
        self.job = {"$ref": _REF + names["Job"]}
        """A reference to the job resource."""
        self.problem = {"$ref": _REF + names["Problem"]}
        """A reference to the problem document."""

    def result_of(self, handler: Handler, documented: dict[str, Any] | None) -> dict[str, Any]:
        """Return the schema of a handler's result; empty where nothing is known of it.

        Args:
            handler: The handler, whose return annotation says what its result is.
            documented: What the document says of it, for handlers without a return annotation.
        """
        schema = copy.deepcopy(handler.result.schema())
        if not schema:
            return documented or {}
        definitions: dict[str, Any] = schema.pop("$defs", {})
        title = schema.get("title")
        if isinstance(title, str) and "properties" in schema and not _UNNAMED.search(title):
            definitions.setdefault(title, schema)
            schema = {"$ref": f"#/$defs/{title}"}
        return _moved(schema, self._add(definitions, handler.name))

    def job_of(self, handler: Handler, result: dict[str, Any]) -> dict[str, Any]:
        """Return a reference to the job resource of a handler, with the type of its result."""
        if not result:
            return self.job
        name = "Job-" + (_UNNAMED.sub("_", handler.name).strip("_") or "handler")
        typed = {"type": "object", "properties": {"result": _or_null(result)}}
        component = {"title": f"Job of {handler.name}", "allOf": [self.job, typed]}
        name = self._free(name, component, handler.name)
        self._schemas[name] = component
        return {"$ref": _REF + name}

    def _add(self, definitions: dict[str, Any], owner: str) -> dict[str, str]:
        """Add definitions, and return the names that they got."""
        plain = {name: name for name in definitions}
        names = {name: self._free(name, _moved(body, plain), owner) for name, body in definitions.items()}
        for name, body in definitions.items():
            self._schemas[names[name]] = _moved(body, names)
        return names

    def _free(self, name: str, body: Any, owner: str) -> str:
        """Return a name that is free, or has this very schema already: the user's own models keep theirs."""
        for candidate in (name, f"{name}-Output", f"{name}-{_UNNAMED.sub('_', owner)}"):
            if self._schemas.get(candidate, body) == body:
                return candidate
        number = 2
        while self._schemas.get(f"{name}-{number}", body) != body:
            number += 1
        return f"{name}-{number}"


def _moved(value: Any, names: dict[str, str]) -> Any:
    """Return the schema with references to its definitions turned into references to components."""
    if isinstance(value, dict):
        moved: dict[str, Any] = {}
        for key, inner in cast("dict[str, Any]", value).items():
            if key == "$ref" and isinstance(inner, str) and inner.startswith("#/$defs/"):
                name = inner.removeprefix("#/$defs/")
                moved[key] = _REF + names.get(name, name)
            else:
                moved[key] = _moved(inner, names)
        return moved
    if isinstance(value, list):
        return [_moved(inner, names) for inner in cast("list[Any]", value)]
    return value
