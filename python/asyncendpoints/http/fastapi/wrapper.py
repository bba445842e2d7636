"""The function that FastAPI sees in the handler's place: it stores the request and answers with the job."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError

from asyncendpoints.http.accept import accept
from asyncendpoints.http.body_checks import incomplete
from asyncendpoints.http.capture import ClientGone, Refused, captured_body
from asyncendpoints.http.endpoint import ATTRIBUTE, BodyKind, HttpEndpoint
from asyncendpoints.http.fastapi.extraction import validation_failed
from asyncendpoints.http.fastapi.internals import facts_of
from asyncendpoints.http.fastapi.signature import REQUEST, RESPONSE, injected
from asyncendpoints.http.problems import instance, problem_for, problem_reply
from asyncendpoints.http.starlette import METHODS
from asyncendpoints.http.stored import stored_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from asyncendpoints.http.fastapi.signature import HandlerSignature

_log = logging.getLogger("asyncendpoints.http")


class FastAPIEndpoint(HttpEndpoint):
    """An asynchronous endpoint whose body is what its route's parameters make of it."""

    __slots__ = ()

    def body_kind(self, scope: Mapping[str, Any]) -> BodyKind:
        """Return the kind of body that FastAPI reads for this route, its routers' dependencies included."""
        return facts_of(scope).body_kind

    def refusal_for(self, scope: Scope, error: BaseException) -> Response | None:
        """Return the 422 that FastAPI could not write, because its errors hold bytes that are no text."""
        if not isinstance(error, ValueError):
            return None
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, RequestValidationError):
                return problem_for(scope, validation_failed(cause))
            cause = cause.__context__
        return None


def wrap(endpoint: FastAPIEndpoint, signature: HandlerSignature) -> Callable[..., Any]:
    """Return the function to decorate with a route.

    FastAPI has validated the request and run its dependencies when it is called. It has the handler's name
    and docstring, and `.handler` is the handler. There is no `__wrapped__`: FastAPI would look through it.
    """
    function = signature.function
    policy = endpoint.handler.policy
    stored_values = tuple((name, value.encode) for name, value in signature.values.items())

    async def asynchronous(**arguments: Any) -> Response:
        request: Request = arguments[REQUEST]
        scope = request.scope
        if scope["method"] not in METHODS:
            return _not_a_submission(request)
        try:
            body = await captured_body(request, endpoint)
        except Refused as refused:
            return refused.response
        except ClientGone:
            return incomplete(scope)
        facts = facts_of(scope)
        values = {name: encode(arguments[name]) for name, encode in stored_values} if stored_values else None
        stored = stored_request(scope, policy, template=facts.template, values=values, embed=facts.embeds_body)
        return await accept(
            request, endpoint, body=body or None, stored=stored, response_headers=arguments[RESPONSE].raw_headers
        )

    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        value = getattr(function, attribute, None)
        if value is not None:
            setattr(asynchronous, attribute, value)
    if not hasattr(function, "__name__"):
        asynchronous.__name__ = endpoint.handler.name
    headers = endpoint.engine.settings.idempotency_headers
    extra = injected(endpoint.handler.name, headers, required=policy.require_idempotency_key)
    attributes: dict[str, Any] = {
        "__signature__": signature.visible(extra),
        ATTRIBUTE: endpoint,
        "handler": function,
    }
    vars(asynchronous).update(attributes)
    return asynchronous


def _not_a_submission(request: Request) -> Response:
    """Refuse a method that must not have effects (RFC 9110, 9.2.1): FastAPI alone knows a route's methods."""
    _log.error(
        "%s %s was refused: an asynchronous endpoint takes %s; give its route one of these methods",
        request.method,
        instance(request.scope),
        ", ".join(sorted(METHODS)),
    )
    members = {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "This endpoint does not take submissions by this method.",
        "instance": instance(request.scope),
    }
    return problem_reply(405, members, [(b"allow", ", ".join(sorted(METHODS)).encode("ascii"))])


def default_name(function: Callable[..., Any]) -> str | None:
    """Return the name that a handler has by itself, through partials; None where it has none."""
    while not inspect.isroutine(function) and hasattr(function, "func"):
        function = function.func  # type: ignore[attr-defined]
    return getattr(function, "__name__", None)
