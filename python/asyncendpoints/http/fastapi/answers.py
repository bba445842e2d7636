"""The answers that OpenAPI documents share: headers, events, problems, jobs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncendpoints.http.fastapi.schemas import Components

PROBLEM_TYPE: Final = "application/problem+json"

PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": (
        "`wait=N` holds the request until the job ends, or N seconds pass (RFC 7240). `respond-async` is the default."
    ),
    "schema": {"type": "string", "examples": ["wait=10", "respond-async"]},
}

HEADERS: Final[dict[str, Any]] = {
    "Location": {
        "description": "The URL of the job resource.",
        "schema": {"type": "string", "format": "uri"},
    },
    "Retry-After": {"description": "Whole seconds until a sensible poll.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {
        "description": "`true` where the key had been seen, and this is the earlier job.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The job's version.", "schema": {"type": "string"}},
    "Preference-Applied": {
        "description": "The `Prefer` that was honoured.",
        "schema": {"type": "string"},
    },
}

EVENT: Final = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "description": "status, progress or done; expect more."},
        "id": {"type": "string", "description": "The job's version."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "id", "data"],
}
"""One server-sent event, in the form that FastAPI documents its own streams in (OpenAPI 3.2: `itemSchema`)."""


def headers(*names: str) -> dict[str, Any]:
    """Return the documentation of response headers."""
    return {name: copy.deepcopy(HEADERS[name]) for name in names}


def events(description: str) -> dict[str, Any]:
    """Return an answer that is a stream of events."""
    return {"description": description, "content": {"text/event-stream": {"itemSchema": copy.deepcopy(EVENT)}}}


def problem(components: Components, description: str) -> dict[str, Any]:
    """Return an answer that is a problem document."""
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": components.problem}}}


def job(components: Components, description: str) -> dict[str, Any]:
    """Return an answer that is a job resource."""
    return {"description": description, "content": {"application/json": {"schema": components.job}}}


def merge(responses: dict[str, Any], status: str, answer: dict[str, Any]) -> None:
    """Add an answer beside what is documented for the same status: FastAPI's 422, or the user's own."""
    present = responses.get(status)
    if present is None:
        responses[status] = answer
        return
    present.setdefault("description", answer["description"])
    present["content"] = answer["content"] | present.get("content", {})
    if "headers" in answer:
        present["headers"] = answer["headers"] | present.get("headers", {})
