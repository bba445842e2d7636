"""Asynchronous endpoints of Starlette: a route whose handler takes one `JobContext`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from asyncendpoints.errors import AsyncEndpointsError, ConfigurationError
from asyncendpoints.http.accept import accept
from asyncendpoints.http.body_checks import incomplete
from asyncendpoints.http.capture import ClientGone, Refused, captured_body
from asyncendpoints.http.endpoint import ATTRIBUTE, HttpEndpoint
from asyncendpoints.http.problems import problem_for
from asyncendpoints.http.stored import stored_request
from asyncendpoints.registry import Handler

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import Response

    from asyncendpoints.engine import Engine
    from asyncendpoints.policy import Policy

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that an asynchronous endpoint may have: those that ask for something to be done."""


def make_route(
    engine: Engine,
    path: str,
    function: Callable[..., Any],
    policy: Policy,
    *,
    name: str | None = None,
    methods: Collection[str] = ("POST",),
    middleware: Sequence[Middleware] | None = None,
) -> Route:
    """Register a handler and make the route that submits to it.

    Args:
        engine: Where submissions go.
        path: Starlette's path template.
        function: The user's function; it takes one `JobContext`, or nothing.
        policy: How its jobs are run and kept.
        name: What it is registered as; by default the function's own name.
        methods: POST, PUT, PATCH or DELETE.
        middleware: Middleware of this route alone, for authentication say.

    Raises:
        ConfigurationError: The function cannot be a handler, the name is taken, or a method cannot submit.
    """
    wrong = sorted({method.upper() for method in methods} - METHODS)
    if wrong or not methods:
        raise ConfigurationError(
            f"the route {path!r} must have methods out of {', '.join(sorted(METHODS))}, "
            f"not {', '.join(wrong) or 'none'}"
        )
    handler = Handler(name or _name_of(function), function, policy, endpoint=True)
    engine.registry.add(handler)
    no_body = not handler.takes_context or handler.payload.annotation in (None, type(None))
    endpoint = HttpEndpoint(handler, engine, body="none" if no_body else "json")

    async def submit(request: Request) -> Response:
        try:
            body = await captured_body(request, endpoint)
            payload = None if no_body or not body else body
            if not no_body:
                handler.payload.decode(payload)
        except Refused as refused:
            return refused.response
        except ClientGone:
            return incomplete(request.scope)
        except AsyncEndpointsError as error:
            return problem_for(request.scope, error)
        return await accept(request, endpoint, body=payload, stored=stored_request(request.scope, policy), sent=body)

    setattr(submit, ATTRIBUTE, endpoint)
    submit.__doc__ = function.__doc__
    return Route(path, submit, methods=[*methods], name=handler.name, middleware=middleware)


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise ConfigurationError(f"{function!r} has no name of its own; give it one with name=…")
    return name
