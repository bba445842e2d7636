"""OpenAPI: what asynchronous operations and the job routes answer.

FastAPI documents what it sees: a route that answers 200. Operations whose idempotency header carries the
marker of an asynchronous endpoint are corrected here, and the job routes, which carry a marker of their own,
are described.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, cast

from asyncendpoints.http.fastapi.answers import EVENT, PREFER, PROBLEM_TYPE, headers, merge, problem
from asyncendpoints.http.fastapi.job_routes import ROUTE_MARKER, describe_route
from asyncendpoints.http.fastapi.schemas import Components
from asyncendpoints.http.fastapi.signature import MARKER, REQUIRED_MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncendpoints.registry import Handler, Registry
    from asyncendpoints.settings import Settings

_KEY_SCHEMA: Final = {"type": "string", "pattern": "^[!#-~]{1,255}$"}


def describe(document: dict[str, Any], registry: Registry, settings: Settings) -> dict[str, Any]:
    """Correct an OpenAPI document in place, and return it; a second time changes nothing.

    Args:
        document: What FastAPI, or a generator of the user's own, has made.
        registry: The handlers that the document's markers name.
        settings: Where a key may stand in a request.
    """
    components: Components | None = None
    for operation in _operations(document):
        marked = _marked(operation)
        # Another application's endpoints, beside ours on the same routes, are for it to describe.
        handler = None if marked is None else registry.find(marked["schema"][MARKER])
        if handler is None and ROUTE_MARKER not in operation:
            continue
        components = components or Components(document)
        if handler is None or marked is None:
            describe_route(operation, operation.pop(ROUTE_MARKER), components)
        else:
            _describe_key(operation, marked, settings)
            _describe_submission(operation, handler, components)
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict):
                yield cast("dict[str, Any]", operation)


def _marked(operation: dict[str, Any]) -> dict[str, Any] | None:
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
    parameters.append(copy.deepcopy(PREFER))
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
            "headers": headers("Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied"),
            "content": {"application/json": {"schema": components.job_of(handler, result)}},
        }
    }
    answers["400"] = problem(components, "The body is not JSON, or the idempotency key is not valid or missing.")
    answers["413"] = problem(components, f"The body is larger than {handler.policy.max_body_bytes} bytes.")
    if "requestBody" in operation:
        answers["415"] = problem(components, "The endpoint does not take this media type.")
    answers["422"] = problem(components, "The request is not valid, or the key was used for another request.")
    answers["503"] = problem(components, "The queue is full, or the store does not answer.")
    answers["503"]["headers"] = headers("Retry-After")
    answers["default"] = {
        "description": (
            "With `Prefer: wait=N`, where the job has ended in time: the answer of its result. With "
            "`Accept: text/event-stream`: its events, at once."
        ),
        "content": {
            # A handler that does not say what it returns may return text, a file, anything.
            ("application/json" if result else "*/*"): {"schema": result},
            PROBLEM_TYPE: {"schema": components.problem},
            "text/event-stream": {"itemSchema": copy.deepcopy(EVENT)},
        },
    }
    for status, answer in answers.items():
        merge(responses, status, answer)
    order = sorted(responses, key=lambda status: (not status.startswith("2"), status))
    operation["responses"] = {status: responses[status] for status in order}
